CREATE TABLE "audit_logs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_logs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp with time zone NOT NULL,
	"user_id" uuid,
	"organization_id" uuid,
	"ip" text,
	"user_agent" text,
	"request_id" uuid,
	"action" text NOT NULL,
	"resource_type" text NOT NULL,
	"resource_id" text NOT NULL,
	"resource_target" text NOT NULL,
	"diff" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "unfinished_claims" (
	"workspace_id" uuid PRIMARY KEY NOT NULL,
	"claimed_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspace_requests" (
	"user_id" uuid NOT NULL,
	"idempotency_key" text NOT NULL,
	"request_hash" "bytea" NOT NULL,
	"workspace_id" uuid NOT NULL,
	"miss_reason" text,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "workspace_requests_pkey" PRIMARY KEY("user_id","idempotency_key")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "scopes" text[] DEFAULT '{all}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "allow_list" text[] DEFAULT '{*:*}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "unfinished_claims" ADD CONSTRAINT "unfinished_claims_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_logs_resource_id" ON "audit_logs" USING btree ("resource_id","id");--> statement-breakpoint
CREATE INDEX "audit_logs_user_id" ON "audit_logs" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "audit_logs_organization_id" ON "audit_logs" USING btree ("organization_id","id");--> statement-breakpoint
CREATE INDEX "workspace_requests_created_at" ON "workspace_requests" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "provisioner_jobs_created_at" ON "provisioner_jobs" USING btree ("created_at","id");