import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { ProblemError } from "../errors.ts";
import type { LogLineView } from "../workspaces/schema.ts";
import type { Client } from "./client.ts";
import { readEvents } from "./events.ts";
import { untilInterrupted } from "./interrupt.ts";
import type { Io } from "./io.ts";

/** How long is waited before a lost connection is made again, and how often in a row it is tried. */
const AGAIN_MS = 1_000;
const TRIES = 30;

/** A line without anything that a terminal would take for a command. */
export const lineText = ({ output }: LogLineView): string =>
  stripVTControlCharacters(output).replaceAll(/[^\P{Cc}\t]/gu, "");

/**
 * Hands on the lines of a log as they come until its job has ended, and returns how the job is then; undefined when
 * Ctrl-C ends it before that. A connection that is lost is made again, and goes on where it was.
 * @param path of the route that follows the log
 */
export function followLog(
  io: Io,
  client: Client,
  path: string,
  onLine: (text: string) => void,
): Promise<string | undefined> {
  return untilInterrupted((signal) => follow(io, client, path, onLine, signal));
}

async function follow(
  io: Io,
  client: Client,
  path: string,
  onLine: (text: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  let last = "0";
  for (let tries = 1; !signal.aborted; tries += 1) {
    try {
      const chunks = client.stream(`${path}?follow=true`, { headers: { "last-event-id": last }, signal });
      for await (const { id, name, data } of readEvents(chunks)) {
        tries = 0;
        const value = JSON.parse(data);
        if (name === "end") return (value as { job_status: string }).job_status;
        if (name === "error") throw new ProblemError("forbidden", (value as { message: string }).message);
        onLine(lineText(value as LogLineView));
        last = id ?? last;
      }
      throw new ProblemError("unavailable", "the daemon has closed the connection");
    } catch (error) {
      if (signal.aborted) return undefined;
      const isAway = error instanceof ProblemError && error.kind === "unavailable";
      if (!isAway || tries >= TRIES) throw error;
      if (tries <= 1) io.err(`${error.message}\ntrying again for ${(TRIES * AGAIN_MS) / 1_000} s\n`);
    }
    await delay(AGAIN_MS, undefined, { signal }).catch(() => {});
  }
  return undefined;
}
