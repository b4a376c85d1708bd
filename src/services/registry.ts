// The registry of all services. A new service is one file, and one line here.

import { createHash } from "node:crypto";
import * as v from "valibot";
import { discord } from "./discord.ts";
import { gotify } from "./gotify.ts";
import { matrix } from "./matrix.ts";
import { ntfy } from "./ntfy.ts";
import { pushover } from "./pushover.ts";
import type {
  HttpResponse,
  Message,
  Outcome,
  RenderOptions,
  Service,
  ServiceRequest,
  SessionNotification,
} from "./service.ts";
import { slack } from "./slack.ts";
import { stdout } from "./stdout.ts";
import { telegram } from "./telegram.ts";
import { webhook } from "./webhook.ts";

/** A service with the settings of one route; like {@link Service}, without the settings parameters. */
export interface ConfiguredService {
  readonly name: string;
  /** A hash of service and settings, to detect changes. It reveals no secret. */
  readonly fingerprint: string;
  readonly secrets: readonly string[];
  readonly endpoints: readonly string[];
  readonly warnings: readonly string[];
  fitting(notifications: readonly SessionNotification[]): number;
  render(message: Message, options: RenderOptions): ServiceRequest;
  judge(response: HttpResponse, nowMs: number): Outcome;
}

/** The documentation of a service's option. */
export interface OptionDoc {
  readonly name: string;
  /** In Markdown. */
  readonly description: string;
  /** The default value, if there is one. */
  readonly fallback?: string;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
}

/** A service as the configuration uses it, independent of the type of its settings. */
export interface RegisteredService
  extends Pick<Service<unknown>, "name" | "apiUrl" | "example" | "limits" | "secretOptions"> {
  /** The documentation of its options. */
  readonly optionDocs: readonly OptionDoc[];
  /** The names of its options, for suggestions. */
  readonly optionNames: readonly string[];
  /** Validates options from the configuration. Returns the configured service, or all issues. */
  configure(options: unknown): { readonly service: ConfiguredService } | {
    readonly issues: readonly v.BaseIssue<unknown>[];
  };
}

/** All services, by their name in the configuration. */
export const services: ReadonlyMap<string, RegisteredService> = new Map(
  [
    register(discord),
    register(slack),
    register(telegram),
    register(ntfy),
    register(gotify),
    register(pushover),
    register(matrix),
    register(webhook),
    register(stdout),
  ].map((service) => [service.name, service]),
);

/** Converts a service to a registry entry. */
export function register<Settings>(service: Service<Settings>): RegisteredService {
  const { name, apiUrl, example, limits, options, secretOptions } = service;
  return {
    name,
    apiUrl,
    example,
    limits,
    secretOptions,
    optionDocs: docsOf(service),
    optionNames: Object.keys(options.entries),
    configure(input) {
      const { success, output: settings, issues } = v.safeParse(options, input);
      if (!success) return { issues };
      return {
        service: {
          name,
          fingerprint: createHash("sha256").update(JSON.stringify([name, settings])).digest("base64url"),
          secrets: service.secrets(settings),
          endpoints: service.endpoints(settings),
          warnings: service.warnings?.(settings) ?? [],
          fitting: (notifications) => service.fitting(notifications, settings),
          render: (message, options) => service.render(message, settings, options),
          judge: (response, nowMs) => service.judge(response, nowMs),
        },
      };
    },
  };
}

function docsOf<Settings>({ options, secretOptions }: Service<Settings>): OptionDoc[] {
  return Object.entries(options.entries).map(([name, schema]) => {
    const fallback = "default" in schema && typeof schema.default === "string" ? schema.default : undefined;
    return {
      name,
      description: "pipe" in schema ? v.getDescription(schema as v.GenericSchema) ?? "" : "",
      ...(fallback === undefined ? {} : { fallback }),
      isRequired: schema.type !== "optional",
      isSecret: secretOptions.includes(name),
    };
  });
}
