import type { BuildRequest } from "../driver.ts";
import { checkedEnvironment, type EnvironmentResult, type HostEnvironment, inheritedVariables } from "../inherited.ts";

/**
 * The whole environment of a template's executables. It is made from nothing, so that a variable of the daemon that
 * is not listed here can never reach a template.
 */
export function commandEnvironment(
  request: BuildRequest,
  options: {
    readonly host: HostEnvironment;
    readonly stateFile: string;
    /** What ties the template's own spans to those of the daemon; null when nothing is traced. */
    readonly traceParent?: string | null;
  },
): EnvironmentResult {
  const parameters = parameterVariables(request.parameters);
  if (!parameters.ok) return parameters;
  const { workspace } = request;
  const isPrebuild = String(request.stage === "create");
  const isPrebuildClaim = String(request.stage === "claim");
  const environment: Record<string, string> = {
    ...inheritedVariables(options.host),
    ...parameters.environment,
    PREBUILDD_WORKSPACE_ID: workspace.id,
    PREBUILDD_WORKSPACE_NAME: workspace.name,
    PREBUILDD_WORKSPACE_OWNER: workspace.ownerName,
    PREBUILDD_WORKSPACE_OWNER_NAME: workspace.ownerFullName,
    PREBUILDD_WORKSPACE_OWNER_EMAIL: workspace.ownerEmail,
    PREBUILDD_WORKSPACE_DIR: request.workspaceDir,
    PREBUILDD_TEMPLATE_DIR: request.sourceDir,
    PREBUILDD_TRANSITION: request.transition,
    PREBUILDD_IS_PREBUILD: isPrebuild,
    PREBUILDD_IS_PREBUILD_CLAIM: isPrebuildClaim,
    PREBUILDD_STATE_FILE: options.stateFile,
    ...(options.traceParent ? { TRACEPARENT: options.traceParent } : {}),
    CODER_WORKSPACE_ID: workspace.id,
    CODER_WORKSPACE_NAME: workspace.name,
    CODER_WORKSPACE_OWNER: workspace.ownerName,
    CODER_WORKSPACE_OWNER_ID: workspace.ownerId,
    CODER_WORKSPACE_OWNER_NAME: workspace.ownerFullName,
    CODER_WORKSPACE_OWNER_EMAIL: workspace.ownerEmail,
    CODER_WORKSPACE_TRANSITION: request.transition,
    CODER_WORKSPACE_IS_PREBUILD: isPrebuild,
    CODER_WORKSPACE_IS_PREBUILD_CLAIM: isPrebuildClaim,
    CODER_WORKSPACE_TEMPLATE_ID: workspace.templateId,
    CODER_WORKSPACE_TEMPLATE_NAME: workspace.templateName,
    CODER_WORKSPACE_TEMPLATE_VERSION: workspace.templateVersion,
  };
  return checkedEnvironment(environment);
}

function parameterVariables(parameters: Readonly<Record<string, string>>): EnvironmentResult {
  const environment: Record<string, string> = {};
  const parameterOf = new Map<string, string>();
  for (const [parameter, value] of Object.entries(parameters)) {
    const variable = `PREBUILDD_PARAMETER_${parameter.toUpperCase().replaceAll(/[^A-Z0-9_]/g, "_")}`;
    const other = parameterOf.get(variable);
    if (other !== undefined) {
      const names = `${JSON.stringify(other)} and ${JSON.stringify(parameter)}`;
      return { ok: false, error: `the parameters ${names} would both become ${variable}: rename one of them` };
    }
    parameterOf.set(variable, parameter);
    environment[variable] = value;
  }
  return { ok: true, environment };
}
