import { execFileSync } from "node:child_process";

function isThere(command: string): boolean {
  try {
    execFileSync(command, ["version"], {
      stdio: "ignore",
      env: { PATH: process.env["PATH"], CHECKPOINT_DISABLE: "1" },
    });
    return true;
  } catch {
    return false;
  }
}

/** Options of a test that drives the real thing; where there is none it is skipped, and says why. */
export const needsTerraform: { readonly skip: string | false } = {
  skip: ["terraform", "tofu"].some(isThere) ? false : "neither terraform nor tofu is on the PATH",
};
