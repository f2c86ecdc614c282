import { DrizzleQueryError } from "drizzle-orm/errors";
import pg from "pg";
import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers, stdTimeFunctions } from "pino";
import pretty from "pino-pretty";

export type Logger = PinoLogger;
/** From all to nothing. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a database error says beyond its message and its codes quotes rows and parameters. */
const QUOTING_FIELDS = ["detail", "where", "internalQuery"] as const;
/** The driver hangs the whole connection, password and all, on the error of a connection that was lost. */
const CONNECTION_FIELD = "client";

/**
 * A failed query's own message holds its SQL and its parameters, and its cause quotes the row: neither is fit for a log
 * line, however deep in a chain of causes it is.
 */
function safeError(error: Error) {
  return stdSerializers.err(withoutData(error));
}

function withoutData(error: Error): Error {
  if (error instanceof DrizzleQueryError) {
    return error.cause ? withoutData(error.cause) : new Error("a query failed");
  }
  const hidden = [
    ...(error instanceof pg.DatabaseError ? QUOTING_FIELDS : []),
    ...(CONNECTION_FIELD in error ? [CONNECTION_FIELD] : []),
  ];
  const changes: PropertyDescriptorMap = Object.fromEntries(
    hidden.map((field) => [field, { value: undefined, enumerable: true }]),
  );
  if (error.cause instanceof Error) changes["cause"] = { value: withoutData(error.cause), enumerable: true };
  return Object.keys(changes).length === 0 ? error : Object.create(error, changes);
}

/** Fields for machines that a person has read in the message already. */
const TOLD_IN_THE_MESSAGE = [
  ..."pool,wanted,building,ready,pools,touched,failures,ms,url,signal,file".split(","),
  ..."organization,template,preset,kind,reason,count,until,pass,workspaces,jobs".split(","),
  ..."worker,job,build,workspace,transition,stage,attempt,agent,owner,request".split(","),
].join(",");

/** Where log lines go: readable lines for a person at a terminal, JSON lines for everything else. */
export function logDestination(stream: NodeJS.WriteStream & { fd: number }): DestinationStream {
  if (!stream.isTTY) return stream;
  return pretty({
    colorize: true,
    sync: true,
    destination: stream.fd,
    translateTime: "SYS:HH:MM:ss",
    ignore: TOLD_IN_THE_MESSAGE,
    singleLine: true,
  });
}

/** Makes the process's one logger; parts of the daemon take a child of it. */
export function createLogger(level: LogLevel, destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: safeError },
      redact: { paths: ["token", "*.token", "password", "*.password", "connectionString", "*.authorization"] },
    },
    destination,
  );
}

/**
 * Changes the level of a logger and of all that were made from it. The line about it is at a level that is shown before
 * or after, and no higher than that takes.
 */
export function setLogLevel(log: Logger, to: LogLevel, fields: Readonly<Record<string, unknown>>): void {
  const from = log.level as LogLevel;
  const rank = (level: LogLevel) => LOG_LEVELS.indexOf(level);
  const louder = rank(from) < rank(to) ? from : to;
  log.level = louder;
  if (louder !== "silent") {
    const shown = rank(louder) < rank("info") ? "info" : louder;
    log[shown]({ ...fields, from, to }, `the log level is ${to} now, and was ${from}`);
  }
  log.level = to;
}
