import { registerApplyRoutes } from "../apply/routes.ts";
import { registerAuditRoutes } from "../audit/routes.ts";
import { registerBulkSpendRoutes } from "../budgets/bulk-spend-routes.ts";
import { registerGroupBudgetRoutes } from "../budgets/group-routes.ts";
import { registerOverrideRoutes } from "../budgets/override-routes.ts";
import { registerSpendRoutes } from "../budgets/spend-routes.ts";
import { registerNotificationRoutes } from "../notifications/routes.ts";
import { registerCustomRoleRoutes } from "../organizations/custom-role-routes.ts";
import { registerGroupRoutes } from "../organizations/group-routes.ts";
import { registerGroupUpdateRoutes } from "../organizations/group-update-routes.ts";
import { registerMemberRoutes } from "../organizations/member-routes.ts";
import { registerMemberRoleRoutes } from "../organizations/role-routes.ts";
import { registerOrganizationRoutes } from "../organizations/routes.ts";
import { registerSharingRoutes } from "../organizations/sharing-routes.ts";
import { registerControlRoutes } from "../prebuilds/control-routes.ts";
import { registerPrebuildRoutes } from "../prebuilds/routes.ts";
import { registerImportRoutes } from "../provisioner/import-routes.ts";
import { registerProvisionerRoutes } from "../provisioner/routes.ts";
import { registerQuotaRoutes } from "../quota/routes.ts";
import { registerTemplateEditRoutes } from "../templates/edit-routes.ts";
import { registerTemplatePushRoutes } from "../templates/push-routes.ts";
import { registerTemplateRoutes } from "../templates/routes.ts";
import { registerTemplateVersionRoutes } from "../templates/version-routes.ts";
import { registerUserChangeRoutes } from "../users/change-routes.ts";
import { registerUserCreateRoutes } from "../users/create-routes.ts";
import { registerQuietHoursRoutes } from "../users/quiet-hours-routes.ts";
import { registerUserRoutes } from "../users/routes.ts";
import { registerTokenRoutes } from "../users/tokens/routes.ts";
import { registerAclRoutes } from "../workspaces/acl-routes.ts";
import { registerAutoupdatesRoutes } from "../workspaces/autoupdates-routes.ts";
import { registerBuildRoutes } from "../workspaces/build-routes.ts";
import { registerCreateRoute } from "../workspaces/create-routes.ts";
import { registerDormancyRoutes } from "../workspaces/dormancy-routes.ts";
import { registerLogRoutes } from "../workspaces/log-routes.ts";
import { registerWorkspaceRoutes } from "../workspaces/routes.ts";
import { registerScheduleRoutes } from "../workspaces/schedule-routes.ts";
import type { RegisterRoutes } from "./app.ts";
import { registerBuildInfoRoutes } from "./buildinfo-routes.ts";
import { registerLogLevelRoutes } from "./log-level-routes.ts";

/** Every subject's routes; what is not in this list is not served. */
export const API_ROUTES: readonly RegisterRoutes[] = [
  registerBuildInfoRoutes,
  registerLogLevelRoutes,
  registerUserRoutes,
  registerUserCreateRoutes,
  registerUserChangeRoutes,
  registerQuietHoursRoutes,
  registerTokenRoutes,
  registerOrganizationRoutes,
  registerSharingRoutes,
  registerMemberRoutes,
  registerMemberRoleRoutes,
  registerCustomRoleRoutes,
  registerGroupRoutes,
  registerGroupUpdateRoutes,
  registerQuotaRoutes,
  registerOverrideRoutes,
  registerGroupBudgetRoutes,
  registerSpendRoutes,
  registerBulkSpendRoutes,
  registerTemplateRoutes,
  registerTemplateEditRoutes,
  registerTemplateVersionRoutes,
  registerTemplatePushRoutes,
  registerProvisionerRoutes,
  registerImportRoutes,
  registerWorkspaceRoutes,
  registerCreateRoute,
  registerAclRoutes,
  registerAutoupdatesRoutes,
  registerScheduleRoutes,
  registerDormancyRoutes,
  registerBuildRoutes,
  registerLogRoutes,
  registerPrebuildRoutes,
  registerControlRoutes,
  registerApplyRoutes,
  registerAuditRoutes,
  registerNotificationRoutes,
];
