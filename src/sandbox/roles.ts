import { randomBytes } from 'node:crypto';
import type { AccessRule } from './kubernetes/access.ts';
import type { Policy } from './ram.ts';

/** Least privilege on trial: what some functions may do, instead of everything, at the clusters (RBAC) and at the cloud (RAM). */
export interface Role {
  readonly functions: readonly string[];
  readonly ack: readonly AccessRule[];
  readonly asm: readonly AccessRule[];
  readonly cloud: Policy;
}

/** A role with the secrets by which it is known, made anew for every sandbox. */
export interface HeldRole extends Role {
  readonly name: string;
  readonly ackToken: string;
  readonly asmToken: string;
  readonly keys: { readonly accessKeyId: string; readonly accessKeySecret: string };
}

export function heldRoles(roles: Readonly<Record<string, Role>>): readonly HeldRole[] {
  return Object.entries(roles).map(([name, role]) => ({
    ...role,
    name,
    ackToken: randomBytes(24).toString('base64url'),
    asmToken: randomBytes(24).toString('base64url'),
    keys: makeKeys(),
  }));
}

export function makeKeys(): HeldRole['keys'] {
  return { accessKeyId: `LTAI${randomBytes(8).toString('hex')}`, accessKeySecret: randomBytes(15).toString('hex') };
}
