// The services there are. A new one is its own file, and one line here.

import * as v from "valibot";
import { discord } from "./discord.ts";
import { ntfy } from "./ntfy.ts";
import type { Batch, Form, HttpResponse, Outcome, Service, ServiceRequest, SessionNotification } from "./service.ts";
import { stdout } from "./stdout.ts";

/** A service with the settings of one route: {@link Service} without the settings that are always the same. */
export interface ConfiguredService {
  readonly name: string;
  readonly secrets: readonly string[];
  readonly endpoints: readonly string[];
  readonly warnings: readonly string[];
  fitting(notifications: readonly SessionNotification[]): number;
  render(batch: Batch, form: Form): ServiceRequest;
  judge(response: HttpResponse, nowMs: number): Outcome;
}

/** A service as the configuration sees it, whatever type its settings have. */
export interface RegisteredService extends Pick<Service<unknown>, "name" | "apiUrl" | "example" | "limits"> {
  /** The names of its options, for suggestions. */
  readonly optionNames: readonly string[];
  /** Those of them that may stand in files. */
  readonly secretOptions: readonly string[];
  /** Takes the options from the configuration, or says everything that is wrong with them. */
  configure(options: unknown): { readonly service: ConfiguredService } | {
    readonly issues: readonly v.BaseIssue<unknown>[];
  };
}

/** All services, by the name that the configuration has for them. */
export const services: ReadonlyMap<string, RegisteredService> = new Map(
  [register(discord), register(ntfy), register(stdout)].map((service) => [service.name, service]),
);

function register<Settings>(service: Service<Settings>): RegisteredService {
  const { name, apiUrl, example, limits, options, secretOptions = [] } = service;
  return {
    name,
    apiUrl,
    example,
    limits,
    optionNames: Object.keys(options.entries),
    secretOptions,
    configure(input) {
      const { success, output: settings, issues } = v.safeParse(options, input);
      if (!success) return { issues };
      return {
        service: {
          name,
          secrets: service.secrets(settings),
          endpoints: service.endpoints(settings),
          warnings: service.warnings?.(settings) ?? [],
          fitting: (notifications) => service.fitting(notifications, settings),
          render: (batch, form) => service.render(batch, settings, form),
          judge: (response, nowMs) => service.judge(response, nowMs),
        },
      };
    },
  };
}
