import { readFileSync } from "node:fs";

/**
 * Loaded into a replica before anything else (`--import`): its wall clock differs from the machine's by as many
 * milliseconds as the file says whose path is in FAULTS_CLOCK. The monotonic clock and timers are not touched, as when
 * somebody sets the clock of a machine.
 */
const file = process.env["FAULTS_CLOCK"] ?? "";
const MachineDate = Date;
let shiftMs = 0;

class ShiftedDate extends MachineDate {
  constructor(...given: []) {
    if (given.length === 0) super(MachineDate.now() + shiftMs);
    else super(...given);
  }

  static override now(): number {
    return MachineDate.now() + shiftMs;
  }
}
globalThis.Date = ShiftedDate as unknown as DateConstructor;

setInterval(() => {
  try {
    shiftMs = Number(readFileSync(file, "utf8"));
  } catch {
    shiftMs = 0; // the file is written when the first jump happens
  }
}, 50).unref();
