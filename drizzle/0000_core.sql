CREATE TABLE "group_members" (
	"group_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	CONSTRAINT "group_members_pkey" PRIMARY KEY("group_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "groups" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"organization_id" uuid NOT NULL,
	"avatar_url" text DEFAULT '' NOT NULL,
	"quota_allowance" integer DEFAULT 0 NOT NULL,
	"source" text DEFAULT 'user' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "organization_members" (
	"organization_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"roles" text[] DEFAULT '{}'::text[] NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "organization_members_pkey" PRIMARY KEY("organization_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "organizations" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"is_default" boolean DEFAULT false NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "provisioner_job_logs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "provisioner_job_logs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"job_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"source" text NOT NULL,
	"level" text NOT NULL,
	"stage" text NOT NULL,
	"output" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "provisioner_jobs" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"canceled_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	"error" text,
	"error_code" text,
	"organization_id" uuid NOT NULL,
	"initiator_id" uuid NOT NULL,
	"provisioner" text NOT NULL,
	"type" text NOT NULL,
	"input" jsonb NOT NULL,
	"worker_id" uuid,
	"tags" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"job_status" text GENERATED ALWAYS AS (case
          when coalesce(error, '') <> '' then 'failed'
          when completed_at is not null and canceled_at is not null then 'canceled'
          when completed_at is not null then 'succeeded'
          when canceled_at is not null then 'canceling'
          when started_at is not null then 'running'
          else 'pending'
        end) STORED NOT NULL,
	CONSTRAINT "provisioner_jobs_type_known" CHECK ("provisioner_jobs"."type" in ('workspace_build'))
);
--> statement-breakpoint
CREATE TABLE "files" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"hash" text NOT NULL,
	"mimetype" text NOT NULL,
	"data" "bytea" NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "template_version_preset_parameters" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"template_version_preset_id" uuid NOT NULL,
	"name" text NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "template_version_preset_prebuild_schedules" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"preset_id" uuid NOT NULL,
	"position" integer DEFAULT 0 NOT NULL,
	"cron_expression" text NOT NULL,
	"desired_instances" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "template_version_presets" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"template_version_id" uuid NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"desired_instances" integer,
	"invalidate_after_secs" integer DEFAULT 0,
	"prebuild_status" text DEFAULT 'healthy' NOT NULL,
	"scheduling_timezone" text DEFAULT '' NOT NULL,
	"is_default" boolean DEFAULT false NOT NULL,
	"description" varchar(128) DEFAULT '' NOT NULL,
	"icon" varchar(256) DEFAULT '' NOT NULL,
	"last_invalidated_at" timestamp with time zone,
	CONSTRAINT "template_version_presets_desired_not_negative" CHECK ("template_version_presets"."desired_instances" >= 0),
	CONSTRAINT "template_version_presets_status_known" CHECK ("template_version_presets"."prebuild_status" in ('healthy', 'hard_limited', 'validation_failed'))
);
--> statement-breakpoint
CREATE TABLE "template_versions" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"template_id" uuid,
	"organization_id" uuid NOT NULL,
	"name" text NOT NULL,
	"message" text DEFAULT '' NOT NULL,
	"readme" text DEFAULT '' NOT NULL,
	"archived" boolean DEFAULT false NOT NULL,
	"file_id" uuid NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "templates" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"organization_id" uuid NOT NULL,
	"name" text NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"provisioner" text NOT NULL,
	"active_version_id" uuid,
	"deleted" boolean DEFAULT false NOT NULL,
	"deprecated" text DEFAULT '' NOT NULL,
	"default_ttl" bigint DEFAULT 0 NOT NULL,
	"allow_user_autostart" boolean DEFAULT true NOT NULL,
	"allow_user_autostop" boolean DEFAULT true NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "templates_provisioner_known" CHECK ("templates"."provisioner" in ('command', 'terraform')),
	CONSTRAINT "templates_default_ttl_not_negative" CHECK ("templates"."default_ttl" >= 0)
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"hashed_secret" "bytea" NOT NULL,
	"user_id" uuid NOT NULL,
	"token_name" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_used" timestamp with time zone,
	"expires_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "user_status_changes" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"new_status" text NOT NULL,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"email" text NOT NULL,
	"username" text NOT NULL,
	"name" text DEFAULT '' NOT NULL,
	"hashed_password" text DEFAULT 'none' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"rbac_roles" text[] DEFAULT '{}'::text[] NOT NULL,
	"login_type" text DEFAULT 'token' NOT NULL,
	"avatar_url" text DEFAULT '' NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"last_seen_at" timestamp with time zone,
	"quiet_hours_schedule" text DEFAULT '' NOT NULL,
	"github_com_user_id" bigint,
	CONSTRAINT "users_status_known" CHECK ("users"."status" in ('active', 'dormant', 'suspended')),
	CONSTRAINT "users_login_type_known" CHECK ("users"."login_type" in ('token', 'none'))
);
--> statement-breakpoint
CREATE TABLE "workspace_agents" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"job_id" uuid NOT NULL,
	"parent_id" uuid,
	"name" text DEFAULT 'main' NOT NULL,
	"lifecycle_state" text DEFAULT 'starting' NOT NULL,
	"ready_at" timestamp with time zone,
	"deleted" boolean DEFAULT false NOT NULL,
	CONSTRAINT "workspace_agents_lifecycle_known" CHECK ("workspace_agents"."lifecycle_state" in ('starting', 'ready', 'start_timeout', 'start_error'))
);
--> statement-breakpoint
CREATE TABLE "workspace_build_parameters" (
	"workspace_build_id" uuid NOT NULL,
	"name" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "workspace_build_parameters_pkey" PRIMARY KEY("workspace_build_id","name")
);
--> statement-breakpoint
CREATE TABLE "workspace_builds" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"template_version_id" uuid NOT NULL,
	"build_number" integer NOT NULL,
	"transition" text NOT NULL,
	"initiator_id" uuid NOT NULL,
	"job_id" uuid NOT NULL,
	"reason" text DEFAULT 'initiator' NOT NULL,
	"provisioner_state" "bytea",
	"deadline" timestamp with time zone,
	"max_deadline" timestamp with time zone,
	"daily_cost" integer DEFAULT 0 NOT NULL,
	"template_version_preset_id" uuid,
	CONSTRAINT "workspace_builds_transition_known" CHECK ("workspace_builds"."transition" in ('start', 'stop', 'delete'))
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"owner_id" uuid NOT NULL,
	"organization_id" uuid NOT NULL,
	"template_id" uuid NOT NULL,
	"name" varchar(64) NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"automatic_updates" text DEFAULT 'never' NOT NULL,
	"favorite" boolean DEFAULT false NOT NULL,
	"autostart_schedule" text,
	"next_start_at" timestamp with time zone,
	"ttl" bigint,
	"last_used_at" timestamp with time zone DEFAULT now() NOT NULL,
	"dormant_at" timestamp with time zone,
	"deleting_at" timestamp with time zone,
	"latest_build_id" uuid,
	"latest_build_number" integer DEFAULT 0 NOT NULL,
	"latest_transition" text,
	"latest_job_status" text,
	"latest_template_version_id" uuid,
	"agents_ready" boolean DEFAULT false NOT NULL,
	"preset_id" uuid,
	"created_as_prebuild" boolean DEFAULT false NOT NULL,
	"prebuild_outcome" text,
	CONSTRAINT "workspaces_automatic_updates_known" CHECK ("workspaces"."automatic_updates" in ('always', 'never'))
);
--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "groups" ADD CONSTRAINT "groups_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "organization_members" ADD CONSTRAINT "organization_members_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "organization_members" ADD CONSTRAINT "organization_members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_job_logs" ADD CONSTRAINT "provisioner_job_logs_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_preset_parameters" ADD CONSTRAINT "template_version_preset_parameters_template_version_preset_id_template_version_presets_id_fk" FOREIGN KEY ("template_version_preset_id") REFERENCES "public"."template_version_presets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_preset_prebuild_schedules" ADD CONSTRAINT "template_version_preset_prebuild_schedules_preset_id_template_version_presets_id_fk" FOREIGN KEY ("preset_id") REFERENCES "public"."template_version_presets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_presets" ADD CONSTRAINT "template_version_presets_template_version_id_template_versions_id_fk" FOREIGN KEY ("template_version_id") REFERENCES "public"."template_versions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_template_id_templates_id_fk" FOREIGN KEY ("template_id") REFERENCES "public"."templates"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_active_version_id_template_versions_id_fk" FOREIGN KEY ("active_version_id") REFERENCES "public"."template_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_status_changes" ADD CONSTRAINT "user_status_changes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agents" ADD CONSTRAINT "workspace_agents_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_build_parameters" ADD CONSTRAINT "workspace_build_parameters_workspace_build_id_workspace_builds_id_fk" FOREIGN KEY ("workspace_build_id") REFERENCES "public"."workspace_builds"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_template_version_id_template_versions_id_fk" FOREIGN KEY ("template_version_id") REFERENCES "public"."template_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_initiator_id_users_id_fk" FOREIGN KEY ("initiator_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_owner_id_users_id_fk" FOREIGN KEY ("owner_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_template_id_templates_id_fk" FOREIGN KEY ("template_id") REFERENCES "public"."templates"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_preset_id_template_version_presets_id_fk" FOREIGN KEY ("preset_id") REFERENCES "public"."template_version_presets"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "group_members_user_id" ON "group_members" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "groups_organization_id_name_unique" ON "groups" USING btree ("organization_id","name");--> statement-breakpoint
CREATE INDEX "organization_members_user_id" ON "organization_members" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "organizations_name_unique" ON "organizations" USING btree (lower("name")) WHERE not "organizations"."deleted";--> statement-breakpoint
CREATE UNIQUE INDEX "organizations_single_default" ON "organizations" USING btree ("is_default") WHERE "organizations"."is_default";--> statement-breakpoint
CREATE INDEX "provisioner_job_logs_job_id" ON "provisioner_job_logs" USING btree ("job_id","id");--> statement-breakpoint
CREATE INDEX "provisioner_jobs_unfinished" ON "provisioner_jobs" USING btree ("created_at") WHERE "provisioner_jobs"."completed_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "files_hash_unique" ON "files" USING btree ("hash");--> statement-breakpoint
CREATE UNIQUE INDEX "template_version_preset_parameters_preset_name_unique" ON "template_version_preset_parameters" USING btree ("template_version_preset_id","name");--> statement-breakpoint
CREATE INDEX "template_version_preset_prebuild_schedules_preset_id" ON "template_version_preset_prebuild_schedules" USING btree ("preset_id");--> statement-breakpoint
CREATE UNIQUE INDEX "template_version_presets_version_name_unique" ON "template_version_presets" USING btree ("template_version_id","name");--> statement-breakpoint
CREATE UNIQUE INDEX "template_versions_template_id_name_unique" ON "template_versions" USING btree ("template_id","name");--> statement-breakpoint
CREATE UNIQUE INDEX "templates_organization_id_name_unique" ON "templates" USING btree ("organization_id",lower("name")) WHERE not "templates"."deleted";--> statement-breakpoint
CREATE INDEX "templates_active_version_id" ON "templates" USING btree ("active_version_id");--> statement-breakpoint
CREATE INDEX "api_keys_user_id" ON "api_keys" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "user_status_changes_user_id" ON "user_status_changes" USING btree ("user_id","changed_at");--> statement-breakpoint
CREATE UNIQUE INDEX "users_username_unique" ON "users" USING btree (lower("username")) WHERE not "users"."deleted";--> statement-breakpoint
CREATE UNIQUE INDEX "users_email_unique" ON "users" USING btree (lower("email")) WHERE not "users"."deleted";--> statement-breakpoint
CREATE INDEX "workspace_agents_job_id" ON "workspace_agents" USING btree ("job_id");--> statement-breakpoint
CREATE UNIQUE INDEX "workspace_builds_workspace_id_build_number_unique" ON "workspace_builds" USING btree ("workspace_id","build_number");--> statement-breakpoint
CREATE UNIQUE INDEX "workspace_builds_job_id_unique" ON "workspace_builds" USING btree ("job_id");--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_owner_id_name_unique" ON "workspaces" USING btree ("owner_id",lower("name")) WHERE not "workspaces"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_template_id" ON "workspaces" USING btree ("template_id") WHERE not "workspaces"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_prebuilds" ON "workspaces" USING btree ("preset_id") WHERE owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted;--> statement-breakpoint
CREATE INDEX "workspaces_claimable" ON "workspaces" USING btree ("preset_id","created_at","id") WHERE owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted and agents_ready and latest_transition = 'start' and latest_job_status = 'succeeded';--> statement-breakpoint
CREATE INDEX "workspaces_prebuild_history" ON "workspaces" USING btree ("preset_id","created_at") WHERE "workspaces"."created_as_prebuild";--> statement-breakpoint
CREATE INDEX "workspaces_prebuild_failures" ON "workspaces" USING btree ("created_at") WHERE "workspaces"."created_as_prebuild" and prebuild_outcome = 'failed';
