import type { BuildRequest } from "../driver.ts";
import { checkedEnvironment, type EnvironmentResult, type HostEnvironment, inheritedVariables } from "../inherited.ts";
import type { AgentIdentity } from "./state.ts";

/** What all of Terraform's commands have in common. */
export type CommonOptions = {
  readonly host: HostEnvironment;
  /** The variables that Terraform inherits beside the few that all templates do, credentials for example. */
  readonly inherit: readonly string[];
  readonly pluginCacheDir: string;
};

/** The environment of a command that knows of no workspace, made from nothing but what is listed here. */
export function commonEnvironment({ host, inherit, pluginCacheDir }: CommonOptions): Record<string, string> {
  return {
    ...inheritedVariables(
      host,
      inherit.filter((name) => !OURS.test(name)),
    ),
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    CHECKPOINT_DISABLE: "1",
    TF_PLUGIN_CACHE_DIR: pluginCacheDir,
  };
}

/**
 * The same for reading what a source declares: no parameters, so that the defaults count, and a workspace that is none,
 * with facts that a template which checks them accepts.
 */
export function importEnvironment(options: CommonOptions): Record<string, string> {
  return { ...commonEnvironment(options), ...factVariables(NO_WORKSPACE) };
}

const NO_WORKSPACE: Facts = {
  id: "00000000-0000-4000-8000-000000000000",
  name: "workspace",
  owner: "owner",
  transition: "start",
  isPrebuild: "false",
  isPrebuildClaim: "false",
};

/** The whole environment of a build's commands: what is common, the parameters, and the workspace's facts. */
export function buildEnvironment(
  request: BuildRequest,
  options: CommonOptions & {
    /** The agents that the workspace has; a claim must not make their tokens new. */
    readonly agents: readonly AgentIdentity[];
    /** SHA-256, in hexadecimal digits. */
    hash(text: string): string;
  },
): EnvironmentResult {
  const reserved = Object.keys(request.parameters).find((name) => FACTS.has(name));
  if (reserved !== undefined) {
    return { ok: false, error: `the parameter ${JSON.stringify(reserved)} has a name that is ours: rename it` };
  }
  const { workspace, transition, stage } = request;
  const isPrebuild = stage === "create";
  const isPrebuildClaim = stage === "claim";
  return checkedEnvironment({
    ...commonEnvironment(options),
    ...parameterVariables(request.parameters, options.hash),
    ...factVariables({
      id: workspace.id,
      name: workspace.name,
      owner: workspace.ownerName,
      transition,
      isPrebuild: String(isPrebuild),
      isPrebuildClaim: String(isPrebuildClaim),
    }),
    CODER_WORKSPACE_ID: workspace.id,
    CODER_WORKSPACE_NAME: workspace.name,
    CODER_WORKSPACE_OWNER: workspace.ownerName,
    CODER_WORKSPACE_OWNER_ID: workspace.ownerId,
    CODER_WORKSPACE_OWNER_NAME: workspace.ownerFullName,
    CODER_WORKSPACE_OWNER_EMAIL: workspace.ownerEmail,
    CODER_WORKSPACE_OWNER_GROUPS: "[]",
    CODER_WORKSPACE_OWNER_RBAC_ROLES: "[]",
    CODER_WORKSPACE_OWNER_LOGIN_TYPE: "token",
    CODER_WORKSPACE_OWNER_SSH_PUBLIC_KEY: "",
    CODER_WORKSPACE_OWNER_SSH_PRIVATE_KEY: "",
    CODER_WORKSPACE_OWNER_SESSION_TOKEN: "",
    CODER_WORKSPACE_OWNER_OIDC_ACCESS_TOKEN: "",
    CODER_WORKSPACE_TRANSITION: transition,
    CODER_WORKSPACE_BUILD_ID: request.buildId,
    CODER_WORKSPACE_TEMPLATE_ID: workspace.templateId,
    CODER_WORKSPACE_TEMPLATE_NAME: workspace.templateName,
    CODER_WORKSPACE_TEMPLATE_VERSION: workspace.templateVersion,
    // The provider looks whether they are there, not at what they say.
    ...(isPrebuild ? { CODER_WORKSPACE_IS_PREBUILD: "true" } : {}),
    ...(isPrebuildClaim ? { CODER_WORKSPACE_IS_PREBUILD_CLAIM: "true" } : {}),
    ...(isPrebuildClaim ? agentVariables(options.agents, options.hash) : {}),
  });
}

/** Terraform's settings that change where it keeps things and what its commands do, which the driver relies on. */
const OURS = /^TF_(WORKSPACE|DATA_DIR|CLI_ARGS.*)$/;

type Facts = Readonly<Record<"id" | "name" | "owner" | "transition" | "isPrebuild" | "isPrebuildClaim", string>>;

/** The workspace's facts for templates that do without a provider: they declare the variables that they want. */
function factVariables(facts: Facts): Record<string, string> {
  return {
    TF_VAR_prebuildd_workspace_id: facts.id,
    TF_VAR_prebuildd_workspace_name: facts.name,
    TF_VAR_prebuildd_workspace_owner: facts.owner,
    TF_VAR_prebuildd_transition: facts.transition,
    TF_VAR_prebuildd_is_prebuild: facts.isPrebuild,
    TF_VAR_prebuildd_is_prebuild_claim: facts.isPrebuildClaim,
  };
}

const FACTS: ReadonlySet<string> = new Set([
  "prebuildd_workspace_id",
  "prebuildd_workspace_name",
  "prebuildd_workspace_owner",
  "prebuildd_transition",
  "prebuildd_is_prebuild",
  "prebuildd_is_prebuild_claim",
]);

/** The parameters that Terraform cannot get as variables of its environment. */
export function otherParameters(parameters: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !isInheritable(name)));
}

/** A shell stands between us and Terraform, and shells drop variables with other names. */
function isInheritable(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

function parameterVariables(
  parameters: Readonly<Record<string, string>>,
  hash: (text: string) => string,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(parameters)) {
    environment[`CODER_PARAMETER_${hash(name)}`] = value;
    if (isInheritable(name)) environment[`TF_VAR_${name}`] = value;
  }
  return environment;
}

/** In the two ways that releases of the provider look for them. */
function agentVariables(agents: readonly AgentIdentity[], hash: (text: string) => string): Record<string, string> {
  const variable = "CODER_RUNNING_WORKSPACE_AGENT_TOKEN";
  const [first] = agents;
  if (agents.length === 1 && first) return { [variable]: first.token, [`${variable}_${hash("")}`]: first.token };
  return Object.fromEntries(
    agents.flatMap(({ id, token }) => [
      [`${variable}_${id}`, token],
      [`${variable}_${hash(id)}`, token],
    ]),
  );
}
