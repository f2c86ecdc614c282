import { registerApplyRoutes } from "../apply/routes.ts";
import { registerOrganizationRoutes } from "../organizations/routes.ts";
import { registerControlRoutes } from "../prebuilds/control-routes.ts";
import { registerPrebuildRoutes } from "../prebuilds/routes.ts";
import { registerTemplateRoutes } from "../templates/routes.ts";
import { registerUserRoutes } from "../users/routes.ts";
import { registerBuildRoutes } from "../workspaces/build-routes.ts";
import { registerWorkspaceRoutes } from "../workspaces/routes.ts";
import type { RegisterRoutes } from "./app.ts";
import { registerBuildInfoRoutes } from "./buildinfo-routes.ts";

/** Every subject's routes; what is not in this list is not served. */
export const API_ROUTES: readonly RegisterRoutes[] = [
  registerBuildInfoRoutes,
  registerUserRoutes,
  registerOrganizationRoutes,
  registerTemplateRoutes,
  registerWorkspaceRoutes,
  registerBuildRoutes,
  registerPrebuildRoutes,
  registerControlRoutes,
  registerApplyRoutes,
];
