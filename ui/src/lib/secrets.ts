// Which secrets of the keyring the settings use, and what the keyring is told when one of them changes.
import type { DestinationForm, NodeForm, SecretRequest, ToForm } from "../generated/types";

/** Under which address and name the keyring has a secret. */
export type SecretName = Pick<SecretRequest, "url" | "signIn">;

const keyOf = ({ url, signIn }: SecretName) => `${url}\n${signIn.by === "basic" ? signIn.user : ""}`;

export const isSameSecret = (one: SecretName | null, other: SecretName | null): boolean =>
  one !== null && other !== null && keyOf(one) === keyOf(other);

/** The secret of a server, if it has one. */
export const secretOfNode = (node: NodeForm | null): SecretName | null =>
  node === null || node.web === null || node.signIn.by === "none" ? null : { url: node.web.url, signIn: node.signIn };

/** The secret of a destination, if it has one of its own: a client's is its provider's. */
export function secretOfDestination(to: ToForm | null): SecretName | null {
  if (to?.system !== "fhir" || to.signIn.by === "none") return null;
  if (to.signIn.by === "client") return { url: to.signIn.issuer.trim(), signIn: { by: "basic", user: to.signIn.clientId.trim() } };
  return { url: to.url, signIn: to.signIn };
}

/** All that the settings use. */
export const secretsOf = (nodes: NodeForm[], destinations: DestinationForm[]): SecretName[] =>
  [...nodes.map(secretOfNode), ...destinations.map((one) => secretOfDestination(one.to))].filter((one) => one !== null);

/**
 * What the keyring is told when something of the settings that had the secret `before` has `now`: to keep what was typed, and
 * to forget what nobody uses any more. `used`: those of the settings as they are then.
 */
export function keyringChanges(name: string, typed: string, before: SecretName | null, now: SecretName | null, used: SecretName[]): SecretRequest[] {
  const changes: SecretRequest[] = [];
  if (now !== null && typed.trim() !== "") changes.push({ name, ...now, secret: typed.trim() });
  if (before !== null && !used.some((one) => isSameSecret(one, before))) changes.push({ name, ...before, secret: null });
  return changes;
}
