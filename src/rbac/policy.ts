const CRUD = ["create", "read", "update", "delete"] as const;
const WORKSPACE = [
  ...CRUD,
  "start",
  "stop",
  "ssh",
  "application_connect",
  "create_agent",
  "delete_agent",
  "update_agent",
  "share",
] as const;

/** Every type of thing that can be protected, with all that can be done to it (roles specification, 2.10). */
export const POLICY = {
  user: [...CRUD, "read_personal", "update_personal"],
  workspace: WORKSPACE,
  workspace_dormant: WORKSPACE,
  prebuilt_workspace: ["update", "delete"],
  task: CRUD,
  chat: [...CRUD, "share"],
  workspace_proxy: CRUD,
  license: ["create", "read", "delete"],
  audit_log: ["read", "create"],
  connection_log: ["read", "update"],
  deployment_config: ["read", "update"],
  deployment_stats: ["read"],
  replicas: ["read"],
  debug_info: ["read"],
  template: ["create", "use", "read", "update", "delete", "view_insights"],
  group: CRUD,
  group_member: ["read"],
  file: ["create", "read"],
  provisioner_daemon: CRUD,
  provisioner_jobs: ["read", "update", "create"],
  organization: CRUD,
  organization_member: CRUD,
  system: CRUD,
  api_key: CRUD,
  tailnet_coordinator: CRUD,
  assign_role: ["assign", "unassign", "read"],
  assign_org_role: ["assign", "unassign", "create", "read", "update", "delete"],
  oauth2_app: CRUD,
  oauth2_app_secret: CRUD,
  oauth2_app_code_token: ["create", "read", "delete"],
  notification_message: CRUD,
  notification_template: ["read", "update"],
  notification_preference: ["read", "update"],
  webpush_subscription: ["create", "read", "delete"],
  inbox_notification: ["create", "read", "update"],
  crypto_key: CRUD,
  idpsync_settings: ["read", "update"],
  workspace_agent_resource_monitor: ["read", "create", "update"],
  workspace_agent_devcontainers: ["create"],
  user_secret: CRUD,
  usage_event: ["create", "read", "update"],
  aibridge_interception: ["read", "update", "create"],
  ai_model_price: ["read", "update"],
  ai_provider: CRUD,
  ai_gateway_key: CRUD,
  ai_seat: ["create", "read"],
  boundary_log: ["create", "read", "delete"],
  boundary_usage: ["read", "update", "delete"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** A type of thing that can be protected. */
export type ResourceType = keyof typeof POLICY;

/** Something that can be done to things of the type. */
export type ActionOn<T extends ResourceType> = (typeof POLICY)[T][number];

/** Something that can be done to a thing of some type. */
export type Action = ActionOn<ResourceType>;

/** Stands for every type, or for every action. */
export const ANY = "*";

/** Every type of thing, in the order of the table. */
export const RESOURCE_TYPES = Object.keys(POLICY) as readonly ResourceType[];

/** The actions of a type; undefined when there is no such type. */
export function actionsOf(type: string): readonly Action[] | undefined {
  return Object.hasOwn(POLICY, type) ? POLICY[type as ResourceType] : undefined;
}
