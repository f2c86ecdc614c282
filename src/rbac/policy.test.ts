import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { actionsOf, RESOURCE_TYPES } from "./policy.ts";

const CRUD = "create read update delete";
const WORKSPACE = `${CRUD} start stop ssh application_connect create_agent delete_agent update_agent share`;

const TABLE: readonly (readonly [types: string, actions: string])[] = [
  ["user", `${CRUD} read_personal update_personal`],
  ["workspace workspace_dormant", WORKSPACE],
  ["prebuilt_workspace", "update delete"],
  ["chat", `${CRUD} share`],
  ["task workspace_proxy group provisioner_daemon organization organization_member system api_key", CRUD],
  ["tailnet_coordinator oauth2_app oauth2_app_secret notification_message crypto_key user_secret", CRUD],
  ["ai_provider ai_gateway_key", CRUD],
  ["license oauth2_app_code_token webpush_subscription boundary_log", "create read delete"],
  ["audit_log file ai_seat", "create read"],
  ["connection_log deployment_config notification_template notification_preference", "read update"],
  ["idpsync_settings ai_model_price", "read update"],
  ["deployment_stats replicas debug_info group_member", "read"],
  ["template", "create use read update delete view_insights"],
  ["provisioner_jobs inbox_notification workspace_agent_resource_monitor usage_event", "create read update"],
  ["aibridge_interception", "create read update"],
  ["assign_role", "assign unassign read"],
  ["assign_org_role", `assign unassign ${CRUD}`],
  ["workspace_agent_devcontainers", "create"],
  ["boundary_usage", "read update delete"],
];

describe("the policy table", () => {
  for (const [types, actions] of TABLE) {
    test(`says that what can be done to ${types} is ${actions}`, () => {
      for (const type of types.split(" ")) {
        assert.deepEqual(actionsOf(type)?.toSorted(), actions.split(" ").toSorted(), type);
      }
    });
  }

  test("has no other types", () => {
    assert.deepEqual(RESOURCE_TYPES.toSorted(), TABLE.flatMap(([types]) => types.split(" ")).toSorted());
  });

  test("has no actions for what is not a type, whatever its name", () => {
    for (const name of ["spaceship", "*", "", "toString", "__proto__"]) assert.equal(actionsOf(name), undefined, name);
  });
});
