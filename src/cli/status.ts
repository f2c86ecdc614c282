import type { Command } from "commander";
import type { readPools } from "../prebuilds/status.ts";
import { openClient } from "./client.ts";
import { type Io, printJson, printLines } from "./io.ts";
import { formatTable } from "./table.ts";

type PoolView = Awaited<ReturnType<typeof readPools>>[number];

/** Adds `status`. */
export function addStatusCommand(program: Command, io: Io): void {
  program
    .command("status")
    .description("show every pool: what it should hold, what it holds, and why it is short")
    .option("--json", "print the pools as JSON")
    .action(async (options: { readonly json?: boolean }) => {
      const pools = await (await openClient(io)).get<readonly PoolView[]>("/prebuilds/pools");
      if (options.json) printJson(io, pools);
      else if (pools.length === 0) printLines(io, ["there are no pools"]);
      else printLines(io, formatTable(HEADINGS, pools.map(rowOf)));
    });
}

const HEADINGS = ["POOL", "WANTED", "READY", "BUILDING", "EXPIRED", "DELETING", "WHY NOT FULL"];

function rowOf(pool: PoolView): (string | number)[] {
  const name = `${pool.organization_name}/${pool.template_name}: ${pool.preset_name}`;
  const why = pool.reasons.map(({ reason, count, until }) =>
    [count, reason.replaceAll("_", " "), ...(until === undefined ? [] : [`until ${until}`])].join(" "),
  );
  return [
    pool.active ? name : `${name} (inactive)`,
    pool.desired,
    pool.eligible,
    pool.starting,
    pool.expired,
    pool.deleting,
    why.join(", "),
  ];
}
