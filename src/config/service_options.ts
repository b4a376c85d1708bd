// The options of a service, some of which may stand in files: `token_file` in place of the secret option `token`.

import { parse as parseToml } from "smol-toml";
import type { ConfiguredService, RegisteredService } from "../services/registry.ts";
import { type ConfigFault, type ConfigWarning, faultOf } from "./config_error.ts";
import { readableBySend, type ReadBeside, secretIn } from "./files_beside.ts";
import { isPlaceholder } from "./placeholder.ts";

/** What reading routes needs, and adds to. */
export interface RouteContext {
  readonly readBeside: ReadBeside;
  readonly faults: ConfigFault[];
  readonly warnings: ConfigWarning[];
  /** The secrets that were read from files. */
  readonly secrets: string[];
  /** The key paths of values that are still an example. */
  readonly placeholders: string[];
}

/** What the configuration may say of a service's options. */
export function optionNames({ optionNames, secretOptions }: RegisteredService): string[] {
  return [...optionNames, ...secretOptions.map(fileKey)];
}

function fileKey(option: string): string {
  return `${option}_file`;
}

/** Whose options they are, and where they stand. */
export interface ConfigureOptions {
  readonly service: RegisteredService;
  readonly place: readonly string[];
  /** The keys that are known there, for suggestions. */
  readonly known: readonly string[];
  readonly context: RouteContext;
}

/**
 * A service with its options. Of its secrets, those that stand in files are read from there.
 *
 * @returns undefined, and adds to the faults, where something is wrong
 */
export function configure(
  options: Record<string, unknown>,
  { service, place, known, context }: ConfigureOptions,
): ConfiguredService | undefined {
  const inFiles = service.secretOptions.filter((option) => Object.hasOwn(options, fileKey(option)));
  const complete = { ...options };
  const unread = new Set<string>();
  for (const option of inFiles) {
    const secret = readSecretFile(option, options, { place: [...place, fileKey(option)].join("."), context });
    delete complete[fileKey(option)];
    if (secret === undefined) unread.add(option);
    else complete[option] = secret;
  }
  const configured = service.configure(complete);
  const example = parseToml(service.example);
  for (const [option, value] of Object.entries(complete)) {
    // A value that is no secret may be right as it is in the example.
    if (!isPlaceholder(value, service.secretOptions.includes(option) ? example[option] : undefined)) continue;
    context.placeholders.push([...place, inFiles.includes(option) ? fileKey(option) : option].join("."));
  }
  if ("service" in configured) return unread.size === 0 ? configured.service : undefined;
  for (const issue of configured.issues) {
    const [{ key: option = "" } = {}] = issue.path ?? [];
    // That it is missing has been said already, as what is wrong with its file.
    if (unread.has(String(option))) continue;
    const fault = faultOf(issue, { place, known: () => known });
    const isInFile = inFiles.includes(String(option));
    context.faults.push(isInFile ? { ...fault, place: [...place, fileKey(String(option))].join(".") } : fault);
  }
  return undefined;
}

/** Which key names a file. */
export interface FileContext {
  readonly place: string;
  readonly context: RouteContext;
}

/** The secret that stands in the file which `OPTION_file` names; undefined, and adds to the faults, where that is wrong. */
export function readSecretFile(
  option: string,
  options: Record<string, unknown>,
  { place, context }: FileContext,
): string | undefined {
  if (Object.hasOwn(options, option)) {
    context.faults.push({
      id: "config.conflicting-keys",
      place,
      message: `must not stand beside "${option}": one of the two`,
    });
    return undefined;
  }
  const path = options[fileKey(option)];
  return readNamed(path, { place, context }, (file) => {
    const secret = secretIn(file);
    context.secrets.push(secret);
    if (file.openMode !== undefined) {
      context.warnings.push({
        id: "config.secret-exposed",
        place,
        message: `names a file that anyone on this host can read (mode ${file.openMode})`,
        hint: readableBySend(String(path), "0640"),
      });
    }
    return secret;
  });
}

/** Reads and uses a file that a key names; undefined, and adds to the faults, where something is wrong. */
export function readNamed(
  path: unknown,
  { place, context }: FileContext,
  use: (file: ReturnType<ReadBeside>) => string,
): string | undefined {
  try {
    if (typeof path !== "string") throw new Error("must be a text, in quotes");
    return use(context.readBeside(path));
  } catch (error) {
    const message = error instanceof Error ? error.message : "can't be read";
    const id = typeof path === "string" ? "config.file-unusable" : "config.wrong-type";
    context.faults.push({ id, place, message });
    return undefined;
  }
}
