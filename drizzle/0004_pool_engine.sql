CREATE TABLE "site_configs" (
	"key" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"updated_by" uuid
);
--> statement-breakpoint
CREATE TABLE "pool_pauses" (
	"template_id" uuid NOT NULL,
	"preset_name" text NOT NULL,
	"paused_at" timestamp with time zone NOT NULL,
	"paused_by" uuid NOT NULL,
	CONSTRAINT "pool_pauses_pkey" PRIMARY KEY("template_id","preset_name")
);
--> statement-breakpoint
CREATE TABLE "template_version_parameters" (
	"template_version_id" uuid NOT NULL,
	"name" text NOT NULL,
	"display_order" integer DEFAULT 0 NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"type" text DEFAULT 'string' NOT NULL,
	"mutable" boolean DEFAULT true NOT NULL,
	"required" boolean DEFAULT true NOT NULL,
	"default_value" text DEFAULT '' NOT NULL,
	"options" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"validation_regex" text DEFAULT '' NOT NULL,
	"validation_min" integer,
	"validation_max" integer,
	"validation_error" text DEFAULT '' NOT NULL,
	CONSTRAINT "template_version_parameters_pkey" PRIMARY KEY("template_version_id","name"),
	CONSTRAINT "template_version_parameters_type_known" CHECK ("template_version_parameters"."type" in ('string', 'number', 'bool', 'list(string)'))
);
--> statement-breakpoint
DROP INDEX "workspaces_prebuild_failures";--> statement-breakpoint
ALTER TABLE "template_version_presets" ADD COLUMN "organization_id" uuid;--> statement-breakpoint
UPDATE "template_version_presets" p SET "organization_id" = v."organization_id" FROM "template_versions" v WHERE v."id" = p."template_version_id";--> statement-breakpoint
ALTER TABLE "template_version_presets" ALTER COLUMN "organization_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "template_version_presets" ADD COLUMN "prebuild_status_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "template_version_presets" ADD COLUMN "prebuild_status_detail" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "template_version_presets" ADD COLUMN "failures_reset_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "site_configs" ADD CONSTRAINT "site_configs_updated_by_users_id_fk" FOREIGN KEY ("updated_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pool_pauses" ADD CONSTRAINT "pool_pauses_template_id_templates_id_fk" FOREIGN KEY ("template_id") REFERENCES "public"."templates"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pool_pauses" ADD CONSTRAINT "pool_pauses_paused_by_users_id_fk" FOREIGN KEY ("paused_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_parameters" ADD CONSTRAINT "template_version_parameters_template_version_id_template_versions_id_fk" FOREIGN KEY ("template_version_id") REFERENCES "public"."template_versions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "template_version_presets_pools" ON "template_version_presets" USING btree ("organization_id") WHERE desired_instances is not null;--> statement-breakpoint
CREATE INDEX "workspace_agents_starting" ON "workspace_agents" USING btree ("created_at") WHERE "workspace_agents"."lifecycle_state" = 'starting' and not "workspace_agents"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_prebuilds_failed" ON "workspaces" USING btree ("preset_id") WHERE owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid and not deleted and latest_job_status = 'failed';--> statement-breakpoint
CREATE INDEX "workspaces_prebuild_failures" ON "workspaces" USING btree ("preset_id","created_at") WHERE "workspaces"."created_as_prebuild" and prebuild_outcome = 'failed';--> statement-breakpoint
create function keep_preset_organization() returns trigger language plpgsql as $$
begin
  select organization_id into new.organization_id from template_versions where id = new.template_version_id;
  return new;
end $$;
--> statement-breakpoint
create trigger keep_preset_organization before insert or update of template_version_id on template_version_presets
  for each row execute function keep_preset_organization();
