// The credentials of a self-hosted server: a token, or a user name and a password. A service spreads the options into
// its own and adds the checks.

import * as v from "valibot";
import { base64, bearer, tokenSchema } from "./http.ts";

/** The values of the options. */
export interface Credentials {
  readonly token?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** The options `user` and `password`, for HTTP basic authentication. */
export const loginOptions = {
  user: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(/^[^:\p{Cc}]+$/u, "must be a user name without a colon"))),
    v.description("a user name (HTTP basic authentication)"),
  ),
  password: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(/^\P{Cc}+$/u, "must not be empty or contain control characters"))),
    v.description("the user's password"),
  ),
};

/** The option `token`. */
export function tokenOption(description: string) {
  return v.pipe(v.optional(tokenSchema("an access token")), v.description(description));
}

/** Requires both user and password, or neither. */
export function completeLogin<Input extends Credentials>() {
  return v.check<Input, string>(
    ({ user, password }) => (user === undefined) === (password === undefined),
    "must have both user and password, or neither",
  );
}

/** Refuses a token together with a user. */
export function oneLogin<Input extends Credentials>() {
  return v.check<Input, string>(
    ({ token, user }) => token === undefined || user === undefined,
    "must have a token or a user, not both",
  );
}

/** The `Authorization` header for the credentials; empty without any. */
export function authorization({ token, ...login }: Credentials): Readonly<Record<string, string>> {
  if (token !== undefined) return bearer(token);
  const [encoded] = encodedLogin(login);
  return encoded === undefined ? {} : { authorization: `Basic ${encoded}` };
}

/** User and password as the header encodes them (RFC 7617), which must not be shown either; empty without a login. */
export function encodedLogin({ user, password }: Credentials): readonly string[] {
  return user === undefined || password === undefined ? [] : [base64(`${user}:${password}`)];
}
