ALTER TABLE "workspaces" ADD COLUMN "user_acl" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "group_acl" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
CREATE INDEX "workspaces_shared_with_users" ON "workspaces" USING gin ("user_acl") WHERE "workspaces"."user_acl" <> '{}';--> statement-breakpoint
CREATE INDEX "workspaces_shared_with_groups" ON "workspaces" USING gin ("group_acl") WHERE "workspaces"."group_acl" <> '{}';--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_prebuilds_not_shared" CHECK (("workspaces"."user_acl" = '{}' and "workspaces"."group_acl" = '{}') or "workspaces"."owner_id" <> 'c42fdf75-3097-471c-8c33-fb52454d81c0');