import { DrizzleQueryError } from "drizzle-orm";
import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers, stdTimeFunctions } from "pino";
import pretty from "pino-pretty";

export type Logger = PinoLogger;
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** A failed query's own message holds its SQL and parameters, so only its cause is fit for a log line. */
function safeError(error: Error) {
  return stdSerializers.err(error instanceof DrizzleQueryError && error.cause ? error.cause : error);
}

/** Where log lines go: readable lines for a person at a terminal, JSON lines for everything else. */
export function logDestination(stream: NodeJS.WriteStream & { fd: number }): DestinationStream {
  if (!stream.isTTY) return stream;
  return pretty({
    colorize: true,
    sync: true,
    destination: stream.fd,
    translateTime: "SYS:HH:MM:ss",
    ignore: "pool,wanted,building,ready,pools,touched,failures,url",
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
