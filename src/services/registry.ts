// The services there are. A new one is its own file, and one line here.

import { createHash } from "node:crypto";
import * as v from "valibot";
import { discord } from "./discord.ts";
import { gotify } from "./gotify.ts";
import { matrix } from "./matrix.ts";
import { ntfy } from "./ntfy.ts";
import { pushover } from "./pushover.ts";
import type {
  Batch,
  HttpResponse,
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

/** A service with the settings of one route: {@link Service} without the settings that are always the same. */
export interface ConfiguredService {
  readonly name: string;
  /** A digest of service and settings, to see when they change. No secret can be read from it. */
  readonly fingerprint: string;
  readonly secrets: readonly string[];
  readonly endpoints: readonly string[];
  readonly warnings: readonly string[];
  fitting(notifications: readonly SessionNotification[]): number;
  render(batch: Batch, options: RenderOptions): ServiceRequest;
  judge(response: HttpResponse, nowMs: number): Outcome;
}

/** An option of a service, for people. */
export interface OptionDoc {
  readonly name: string;
  /** In Markdown. */
  readonly description: string;
  /** What it is if it is left out, where it is then something. */
  readonly fallback?: string;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
}

/** A service as the configuration sees it, whatever type its settings have. */
export interface RegisteredService
  extends Pick<Service<unknown>, "name" | "apiUrl" | "example" | "limits" | "secretOptions"> {
  /** Its options, for people. */
  readonly optionDocs: readonly OptionDoc[];
  /** The names of its options, for suggestions. */
  readonly optionNames: readonly string[];
  /** Takes the options from the configuration, or says everything that is wrong with them. */
  configure(options: unknown): { readonly service: ConfiguredService } | {
    readonly issues: readonly v.BaseIssue<unknown>[];
  };
}

/** All services, by the name that the configuration has for them. */
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

/** Makes a service one of the registry. */
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
          render: (batch, options) => service.render(batch, settings, options),
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
