// The registry of all services. A new service is one file, and one line here.

import { createHash } from "node:crypto";
import * as v from "valibot";
import { alertmanager } from "./alertmanager.ts";
import { apprise } from "./apprise.ts";
import { discord } from "./discord.ts";
import { email } from "./email.ts";
import { googlechat } from "./googlechat.ts";
import { gotify } from "./gotify.ts";
import { endpoint, serverWarnings, urlSecrets } from "./http.ts";
import { matrix } from "./matrix.ts";
import { mattermost } from "./mattermost.ts";
import { ntfy } from "./ntfy.ts";
import { pagerduty } from "./pagerduty.ts";
import { pushover } from "./pushover.ts";
import type {
  HttpResponse,
  Limits,
  MailAnswer,
  Message,
  Outcome,
  Probe,
  RenderOptions,
  Service,
  ServiceRequest,
  SessionNotification,
} from "./service.ts";
import { signal } from "./signal.ts";
import { slack } from "./slack.ts";
import { stdout } from "./stdout.ts";
import { teams } from "./teams.ts";
import { telegram } from "./telegram.ts";
import { webhook } from "./webhook.ts";

/** A service with the settings of one route; like {@link Service}, without the settings parameters. */
export interface ConfiguredService {
  readonly name: string;
  /** A hash of service and settings, to detect changes. It reveals no secret. */
  readonly fingerprint: string;
  readonly secrets: readonly string[];
  readonly endpoints: readonly string[];
  /** Those of the endpoints that are mail servers. */
  readonly mailServers: readonly string[];
  readonly warnings: readonly string[];
  readonly probe?: Probe | undefined;
  fitting(notifications: readonly SessionNotification[]): number;
  render(message: Message, options: RenderOptions): ServiceRequest;
  judge(response: HttpResponse, nowMs: number): Outcome;
  judgeMail?(answer: MailAnswer): Outcome;
}

/** A service as the configuration uses it, independent of the type of its settings. */
export interface RegisteredService {
  readonly name: string;
  readonly apiUrl: string;
  readonly example: string;
  readonly limits: Limits;
  /** The schemas of its options, by name. */
  readonly options: v.ObjectEntries;
  readonly secretOptions: readonly string[];
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
    register(teams),
    register(googlechat),
    register(mattermost),
    register(telegram),
    register(signal),
    register(ntfy),
    register(gotify),
    register(pushover),
    register(matrix),
    register(email),
    register(pagerduty),
    register(alertmanager),
    register(apprise),
    register(webhook),
    register(stdout),
  ].map((service) => [service.name, service]),
);

/** Converts a service to a registry entry. */
export function register<Settings extends object>(service: Service<Settings>): RegisteredService {
  const { name, apiUrl, example, limits, options, secretOptions, fitting, judgeMail } = service;
  return {
    name,
    apiUrl,
    example,
    limits,
    options: options.entries,
    secretOptions,
    configure(input) {
      const { success, output: settings, issues } = v.safeParse(options, input);
      if (!success) return { issues };
      const servers = [service.server?.(settings) ?? []].flat();
      const endpoints = servers.map(({ url }) => endpoint(url));
      return {
        service: {
          name,
          fingerprint: createHash("sha256").update(JSON.stringify([name, settings])).digest("base64url"),
          secrets: [...optionSecrets(settings, secretOptions), ...(service.moreSecrets?.(settings) ?? [])],
          endpoints,
          mailServers: servers.filter(({ url }) => url.protocol === "smtp:").map(({ url }) => endpoint(url)),
          warnings: [...servers.flatMap(serverWarnings), ...(service.warnings?.(settings) ?? [])],
          probe: service.probe?.(settings),
          fitting,
          render: (message, options) => service.render(message, settings, options),
          judge: (response, nowMs) => service.judge(response, nowMs, settings),
          ...(judgeMail === undefined ? {} : { judgeMail }),
        },
      };
    },
  };
}

/** The values of the secret options that are set. */
function optionSecrets(settings: object, secretOptions: readonly string[]): string[] {
  return Object.entries(settings).filter(([option]) => secretOptions.includes(option)).flatMap(([, value]) =>
    value instanceof URL ? urlSecrets(value) : value === undefined ? [] : [String(value)]
  );
}
