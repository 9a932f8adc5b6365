/** A RAM policy as far as Sluice's own go: allowing statements of literal actions. Everything else is denied. */
export type Policy = readonly Statement[];

export interface Statement {
  /** `slb:DescribeHealthStatus`. */
  readonly actions: readonly string[];
  /** `acs:slb:cn-hangzhou:1234567890123456:loadbalancer/lb-1`; `*` in a place stands for anything there. */
  readonly resources: readonly string[];
}

/** Whether some statement allows the action on the resource. */
export function permits(policy: Policy, action: string, resource: string): boolean {
  return policy.some(
    ({ actions, resources }) => actions.includes(action) && resources.some((pattern) => covers(pattern, resource)),
  );
}

function covers(pattern: string, resource: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(resource);
}
