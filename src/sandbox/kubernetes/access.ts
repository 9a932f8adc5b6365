import { forbidden } from './api-error.ts';
import type { ResourceType } from './resource-types.ts';

/** One RBAC-like rule. `*` in a list allows everything there; absent namespaces or names allow all of them. */
export interface AccessRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  /** Plurals, with `/status` for the subresource: `services/status`. */
  readonly resources: readonly string[];
  readonly namespaces?: readonly string[];
  readonly resourceNames?: readonly string[];
}

export const adminRules: readonly AccessRule[] = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];

/** What somebody wants to do. An empty namespace is the cluster scope, or all namespaces. */
export interface Attempt {
  readonly verb: string;
  readonly group: string;
  readonly plural: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** Who asks, as found by the token. */
export interface Subject {
  readonly user: string;
  readonly rules: readonly AccessRule[];
}

export function isAllowed(rules: readonly AccessRule[], attempt: Attempt): boolean {
  const { verb, group, plural, subresource, namespace, name } = attempt;
  const resource = subresource === '' ? plural : `${plural}/${subresource}`;
  return rules.some(
    (rule) =>
      allows(rule.verbs, verb) &&
      allows(rule.apiGroups, group) &&
      allows(rule.resources, resource) &&
      (rule.namespaces === undefined || allows(rule.namespaces, namespace)) &&
      (rule.resourceNames === undefined || rule.resourceNames.includes(name)),
  );
}

/** @throws ApiError 403 in the words of the RBAC authorizer */
export function refuseUnlessAllowed({ user, rules }: Subject, type: ResourceType, attempt: Attempt): void {
  if (isAllowed(rules, attempt)) return;
  const { verb, plural, subresource, group, namespace, name } = attempt;
  const resource = subresource === '' ? plural : `${plural}/${subresource}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const why = `User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" ${scope}`;
  throw forbidden(type, name, why);
}

function allows(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}
