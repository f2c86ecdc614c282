import { z } from "zod";
import { SITE_ROLES } from "../rbac/roles.ts";
import { RESERVED_USERNAMES } from "../users/fields.ts";
import { findDuplicates } from "./duplicates.ts";
import { cron, email, instances, label, listOf, rule, seconds, slug, text, timezone } from "./fields.ts";
import { givenProblem, lifecycleFields } from "./lifecycle-fields.ts";
import { findOverlaps } from "./overlaps.ts";
import { declarations, presetParameters } from "./parameter-fields.ts";
import { findPresetProblems } from "./preset-parameters.ts";

const siteRoles = listOf(z.enum(SITE_ROLES)).transform((given) => [...new Set<string>(given)].sort());

const organization = z.strictObject({
  name: slug(),
  display_name: text(64).optional(),
});

const user = z.strictObject({
  username: slug(RESERVED_USERNAMES),
  email,
  name: text(128).optional(),
  roles: siteRoles.optional(),
  // Which roles an organization has, its database says: people make some of their own.
  organizations: listOf(z.strictObject({ name: slug(), roles: listOf(label(64)).optional() })).optional(),
});

const prebuilds = z.strictObject({
  instances,
  expiration_policy: z.strictObject({ ttl: seconds(1, 365) }).optional(),
  scheduling: z
    .strictObject({
      timezone,
      schedule: listOf(z.strictObject({ cron, instances })).refine((list) => list.length > 0 && list.length <= 100, {
        error: "must have 1 to 100 entries",
      }),
    })
    .optional(),
});

const preset = z.strictObject({
  name: label(128),
  description: text(128).default(""),
  icon: text(256).default(""),
  default: z.boolean().default(false),
  parameters: presetParameters,
  prebuilds: prebuilds.optional(),
});

const template = <S extends z.ZodType>(source: S) =>
  z
    .strictObject({
      name: slug(),
      organization: slug().default("default"),
      provisioner: z.enum(["command", "terraform"]),
      source,
      display_name: text(64).default(""),
      description: text(2_048).default(""),
      icon: text(256).default(""),
      deprecated: text(1_024).default(""),
      ...lifecycleFields,
      parameters: declarations,
      presets: listOf(preset).default([]),
    })
    .superRefine((given, context) => {
      const message = givenProblem(given);
      if (message !== undefined) context.addIssue({ code: "custom", path: ["max_ttl"], message });
    });

const documentWith = <S extends z.ZodType>(source: S) =>
  z.strictObject({
    organizations: listOf(organization).default([]),
    users: listOf(user).default([]),
    templates: listOf(template(source)).default([]),
  });

/** A packed source directory: what the hash was computed from, and the archive itself. */
const archive = z.strictObject({
  hash: rule<string>(
    "must be a hash of 64 hexadecimal digits",
    (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
  ),
  archive: rule<string>("must be base64 text", isBase64).transform((given): Buffer => Buffer.from(given, "base64")),
});

const fileSchema = documentWith(label(4_096));
const documentSchema = documentWith(archive);

/** The apply file as written: each template names its source directory. Durations are seconds, parameters text. */
export type ApplyFile = z.output<typeof fileSchema>;
/** The self-contained form of the apply file: each template carries its packed source. */
export type ApplyDocument = z.output<typeof documentSchema>;
export type ApplyTemplate = ApplyDocument["templates"][number];
export type ApplyPreset = ApplyTemplate["presets"][number];

export type Path = readonly (string | number)[];

/** One thing that is wrong with a document; `atKey` means that the key itself is wrong, not its value. */
export type Problem = { readonly path: Path; readonly message: string; readonly atKey: boolean };

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Checks what an apply file says. */
export function checkApplyFile(raw: unknown): Checked<ApplyFile> {
  return check(fileSchema, raw);
}

/** Checks the self-contained form, as it comes over the network. */
export function checkApplyDocument(raw: unknown): Checked<ApplyDocument> {
  return check(documentSchema, raw);
}

/** The self-contained form as JSON; checking it again gives the same document. */
export function applyDocumentJson(document: ApplyDocument): string {
  return JSON.stringify({
    ...document,
    templates: document.templates.map((given) => ({
      ...given,
      source: { hash: given.source.hash, archive: given.source.archive.toString("base64") },
    })),
  });
}

/** A path as people write it: `templates[0].presets[1].name`. */
export function pathText(path: Path): string {
  const parts = path.map((part) => {
    if (typeof part === "number") return `[${part}]`;
    return /^[\w-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
  });
  return parts.join("").replace(/^\./, "");
}

function check<S extends z.ZodType>(schema: S, raw: unknown): Checked<z.output<S>> {
  const parsed = schema.safeParse(raw, { error: describe });
  const problems = [
    ...(parsed.error?.issues.flatMap(problemsOf) ?? []),
    ...findDuplicates(raw),
    ...findOverlaps(raw),
    ...findPresetProblems(raw),
  ];
  return parsed.success && problems.length === 0 ? { ok: true, value: parsed.data } : { ok: false, problems };
}

/** What the schema's own sentence does not cover: the shape of things. */
function describe(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined && issue.code !== "unrecognized_keys") return "is missing";
  if (issue.code === "invalid_value") return `must be ${listing(issue.values.map(String))}`;
  if (issue.code === "invalid_type" && issue.expected === "object") return "must be a map of keys to values";
  if (issue.code === "invalid_type" && issue.expected === "boolean") return "must be true or false";
  return undefined;
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: "is not a known key", atKey: true }));
  }
  if (issue.code === "invalid_key") {
    return issue.issues.map(({ message }) => ({ path, message: `the name ${message}`, atKey: true }));
  }
  return [{ path, message: issue.message, atKey: false }];
}

function listing(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function isBase64(value: unknown): boolean {
  if (typeof value !== "string" || value === "") return false;
  // Comparing lengths is enough to see characters that were skipped, and does not build a second text of this size.
  const unpadded = value.endsWith("==") ? value.length - 2 : value.endsWith("=") ? value.length - 1 : value.length;
  return value.length % 4 === 0 && Math.floor((unpadded * 3) / 4) === Buffer.from(value, "base64").length;
}
