import { findTerraform } from "../../src/provisioner/terraform/binary.ts";

const terraform = await findTerraform({ path: undefined, host: process.env });

/** The Terraform that the tests use. */
export const binary = terraform?.path ?? "";

/** For tests that need it: why they are skipped, where it is not there. */
export const needsTerraform = { skip: terraform ? false : "neither terraform nor tofu is on the PATH" };
