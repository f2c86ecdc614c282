# A workspace made of nothing but Terraform's built-in resource: a home directory that stays for as long as the
# workspace is there, and a machine that is there while it runs.

# Parameters of the workspace come as variables of the same name.
variable "size" {
  description = "How large the machine is"
  type        = string
  default     = "small"
  validation {
    condition     = contains(["small", "large"], var.size)
    error_message = "The size is small or large."
  }
}

variable "drift" {
  description = "Let the machine depend on who owns the workspace, so that every claim has to replace it"
  type        = bool
  default     = false
}

variable "root" {
  description = "Where the home directories are"
  type        = string
  default     = "/tmp/prebuildd-terraform-example"
}

# What the daemon says about the workspace comes in variables that begin with prebuildd_; declare those that you need.
variable "prebuildd_workspace_id" { type = string }
variable "prebuildd_workspace_name" { type = string }
variable "prebuildd_workspace_owner" { type = string }
variable "prebuildd_transition" { type = string }

resource "terraform_data" "home" {
  input = "${var.root}/${var.prebuildd_workspace_id}"

  provisioner "local-exec" {
    when    = destroy
    command = "rm -rf \"$DIRECTORY\""
    environment = {
      DIRECTORY = self.output
    }
  }
}

resource "terraform_data" "machine" {
  # A stopped workspace keeps its home and has no machine.
  count = var.prebuildd_transition == "start" ? 1 : 0

  # A change in here replaces the machine. The size is the same before and after a claim; the owner is not.
  triggers_replace = var.drift ? terraform_data.owner.output : var.size

  provisioner "local-exec" {
    command = "mkdir -p \"$DIRECTORY\" && echo \"$SIZE\" > \"$DIRECTORY/size\""
    environment = {
      DIRECTORY = terraform_data.home.output
      SIZE      = var.size
    }
  }
}

# Who has the workspace may change without anything being replaced.
resource "terraform_data" "owner" {
  input = "${var.prebuildd_workspace_owner}/${var.prebuildd_workspace_name}"
}

output "home" {
  value = terraform_data.home.output
}
