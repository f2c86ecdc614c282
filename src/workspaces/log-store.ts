import type { Queryable } from "../db/connection.ts";
import type { JobStatus } from "../vocabulary.ts";
import type { LogLineView } from "./schema.ts";

/** Whose log is meant: that of a build, or of the job with the id. */
export type LogOf = { readonly kind: "build" | "job"; readonly id: string };

/** The job that has the log, by the first parameter. */
const JOB: Readonly<Record<LogOf["kind"], string>> = {
  build: "(select job_id from workspace_builds where id = $1)",
  job: "$1::uuid",
};

type LineRow = Omit<LogLineView, "created_at"> & { readonly created_at: Date };

const LINE_COLUMNS =
  "l.id::float8 as id, l.created_at, l.source as log_source, l.level as log_level, l.stage, l.output";

const viewOf = (row: LineRow): LogLineView => ({ ...row, created_at: row.created_at.toISOString() });

/** Which lines of a log are wanted: those between two ids, exclusively. */
type LogPage = {
  /** Undefined: from the beginning on; but with `before`, those right before that one. */
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
};

/** Lines of a log, the oldest first. */
export async function listLogLines(
  db: Queryable,
  { kind, id }: LogOf,
  { after, before, limit }: LogPage,
): Promise<LogLineView[]> {
  const backwards = before !== undefined && after === undefined;
  const { rows } = await db.query<LineRow>(
    `select ${LINE_COLUMNS}
      from provisioner_job_logs l
      where l.job_id = ${JOB[kind]} and l.id > $2 and ($3::bigint is null or l.id < $3)
      order by l.id ${backwards ? "desc" : "asc"} limit $4`,
    [id, after ?? 0, before ?? null, limit],
  );
  const lines = rows.map(viewOf);
  return backwards ? lines.reverse() : lines;
}

/** What somebody who follows a log has not seen yet, and how the build is. */
export type LogNews = {
  readonly lines: readonly LogLineView[];
  readonly status: JobStatus;
  /** The job has ended, so no line comes any more after those that are there. */
  readonly ended: boolean;
};

/**
 * The lines of a log that come after the one with the id `after`, at most `limit`. Whether the job has ended is read
 * together with them: the lines of a job are stored before its end is.
 */
export async function readLogNews(
  db: Queryable,
  { kind, id }: LogOf,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<LogNews | undefined> {
  const { rows } = await db.query<
    { job_status: JobStatus; ended: boolean } & { [name in keyof LineRow]: LineRow[name] }
  >(
    `select j.job_status, j.completed_at is not null as ended, l.*
      from provisioner_jobs j
      left join lateral (
        select ${LINE_COLUMNS} from provisioner_job_logs l where l.job_id = j.id and l.id > $2
        order by l.id limit $3) l on true
      where j.id = ${JOB[kind]}
      order by l.id`,
    [id, after, limit],
  );
  const [first] = rows;
  if (!first) return undefined;
  const lines = rows.flatMap(({ job_status, ended, ...line }) => (line.id === null ? [] : [viewOf(line)]));
  return { lines, status: first.job_status, ended: first.ended };
}
