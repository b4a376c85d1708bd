// The options of a service. Secret options can be in files: `token_file` instead of `token`.

import { parse as parseToml } from "smol-toml";
import type { ConfiguredService, RegisteredService } from "../services/registry.ts";
import { type ConfigFault, type ConfigWarning, faultsOf } from "./config_error.ts";
import { certificatesIn, type FileBeside, readableBySend, type ReadBeside, secretIn } from "./files_beside.ts";
import { isPlaceholder } from "./placeholder.ts";

/** Shared state for parsing routes: a file reader, and lists that parsing adds to. */
export interface RouteContext {
  readonly readBeside: ReadBeside;
  readonly faults: ConfigFault[];
  readonly warnings: ConfigWarning[];
  /** The secrets read from files. */
  readonly secrets: string[];
  /** The key paths of values that are still placeholders. */
  readonly placeholders: string[];
  /** The proxy in `[notification]`. */
  readonly proxy?: URL | "none" | undefined;
}

/** The names of all keys that set a service's options. */
export function optionNames({ options, secretOptions }: RegisteredService): string[] {
  return [...Object.keys(options), ...secretOptions.map(fileKey)];
}

function fileKey(option: string): string {
  return `${option}_file`;
}

/** The service that options belong to, and where they are. */
export interface ConfigureOptions {
  readonly service: RegisteredService;
  readonly place: readonly string[];
  /** The known keys of the table, for suggestions. */
  readonly known: readonly string[];
  readonly context: RouteContext;
}

/**
 * Configures a service with its options. Reads secrets from files where the options name them.
 *
 * @returns undefined if something is wrong; then adds to the faults
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
    // A value that is not secret may be the same as in the example.
    if (!isPlaceholder(value, service.secretOptions.includes(option) ? example[option] : undefined)) continue;
    context.placeholders.push([...place, inFiles.includes(option) ? fileKey(option) : option].join("."));
  }
  if ("service" in configured) return unread.size === 0 ? configured.service : undefined;
  for (const issue of configured.issues) {
    const [{ key: option = "" } = {}] = issue.path ?? [];
    // The fault of its file has been reported already, and explains why options do not fit together.
    if (unread.has(String(option)) || (issue.path === undefined && unread.size > 0)) continue;
    const faults = faultsOf([issue], { place, known: () => known });
    const isInFile = inFiles.includes(String(option));
    const at = [...place, fileKey(String(option))].join(".");
    context.faults.push(...faults.map((fault) => isInFile ? { ...fault, place: at } : fault));
  }
  return undefined;
}

/** The key path of a key that names a file, and the state to add to. */
export interface FileContext {
  readonly place: string;
  readonly context: RouteContext;
}

/**
 * Reads a secret from the file that `OPTION_file` names. Returns undefined if that fails; then adds to the faults.
 *
 * @param secretOf takes the secret from the file; throws an error that says why it is invalid
 */
export function readSecretFile(
  option: string,
  options: Record<string, unknown>,
  { place, context }: FileContext,
  secretOf: (file: FileBeside) => string = secretIn,
): string | undefined {
  if (Object.hasOwn(options, option)) {
    context.faults.push({
      id: "config.conflicting-keys",
      place,
      message: `conflicts with "${option}"; set only one of them`,
    });
    return undefined;
  }
  const path = options[fileKey(option)];
  return readNamed(path, { place, context }, (file) => {
    const secret = secretOf(file);
    context.secrets.push(secret);
    if (file.openMode !== undefined) {
      context.warnings.push({
        id: "config.secret-exposed",
        place,
        message: `every user on this host can read the file (mode ${file.openMode})`,
        hint: readableBySend(String(path), "0640"),
      });
    }
    return secret;
  });
}

/** Reads the certificates in the file that `ca_file` names, if there is one; adds to the faults if that fails. */
export function readCertificates(path: unknown, file: FileContext): string | undefined {
  return path === undefined ? undefined : readNamed(path, file, certificatesIn);
}

/** Reads a file that a key names and passes it to `use`. Returns undefined if that fails; then adds to the faults. */
export function readNamed(
  path: unknown,
  { place, context }: FileContext,
  use: (file: FileBeside) => string,
): string | undefined {
  try {
    if (typeof path !== "string") throw new Error("must be a quoted string");
    return use(context.readBeside(path));
  } catch (error) {
    const message = error instanceof Error ? error.message : "cannot be read";
    const id = typeof path === "string" ? "config.file-unusable" : "config.wrong-type";
    context.faults.push({ id, place, message });
    return undefined;
  }
}
