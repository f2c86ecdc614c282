/** What templates may inherit from the daemon: enough to find programs, and nothing that could hold a secret. */
const INHERITED = ["PATH", "HOME", "LANG", "TMPDIR"] as const;

const FALLBACK_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The environment of another process, from which a few variables are taken. */
export type HostEnvironment = Readonly<Record<string, string | undefined>>;

/** The variables that a template's processes inherit: the few that all do, and those that are named in addition. */
export function inheritedVariables(host: HostEnvironment, names: readonly string[] = []): Record<string, string> {
  const environment: Record<string, string> = { PATH: FALLBACK_PATH };
  for (const name of [...INHERITED, ...names]) {
    const value = host[name];
    if (value) environment[name] = value;
  }
  return environment;
}

export type EnvironmentResult =
  | { readonly ok: true; readonly environment: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly error: string };

/** Refuses what the kernel would: a variable cannot hold a NUL character. */
export function checkedEnvironment(environment: Readonly<Record<string, string>>): EnvironmentResult {
  const withNul = Object.keys(environment).find((name) => environment[name]?.includes("\0"));
  if (withNul) return { ok: false, error: `${withNul} would hold a NUL character, which no environment variable can` };
  return { ok: true, environment };
}
