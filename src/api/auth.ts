import { createHash, timingSafeEqual } from 'node:crypto';
import type { Config, Role } from '../config.ts';
import type { ApiRequest } from './http.ts';
import { RequestRefused } from './problem-response.ts';

/** What an operation asks of its caller; `open` needs no token. */
export type Access = 'open' | 'read' | 'report' | 'operate';

const rights: Readonly<Record<Role, readonly Access[]>> = {
  viewer: ['open', 'read'],
  reporter: ['open', 'read', 'report'],
  operator: ['open', 'read', 'report', 'operate'],
};

const tokenLengthMax = 512;

/**
 * The name of who calls, from `X-Sluice-Token` or `Authorization: Bearer` (a signed HTTP trigger occupies the latter).
 * @throws RequestRefused 401 without a valid token, 403 where its role does not reach
 */
export function authenticate(tokens: Config['tokens'], request: ApiRequest, access: Access): string {
  if (access === 'open') return 'anybody';
  const token = request.headers['x-sluice-token'] ?? bearer(request.headers['authorization']);
  const caller = token === null || token.length > tokenLengthMax ? null : callerOf(tokens, token);
  if (caller === null) {
    const detail = 'A valid token is needed, as "Authorization: Bearer <token>" or "X-Sluice-Token: <token>".';
    const problem = { status: 401, code: 'unauthorized', title: 'Who are you?', detail };
    throw new RequestRefused(problem, { 'www-authenticate': 'Bearer realm="sluice"' });
  }
  if (!rights[caller.role].includes(access)) {
    const needed = Object.entries(rights).filter(([, allowed]) => allowed.includes(access));
    const detail = `The role ${caller.role} of ${caller.name} may not do this; it takes ${needed.map(([role]) => role).join(' or ')}.`;
    throw new RequestRefused({ status: 403, code: 'forbidden', title: 'Not your role', detail });
  }
  return caller.name;
}

/** Compares with every token whatever it finds, so that the time taken tells nothing. */
function callerOf(tokens: Config['tokens'], token: string): { readonly name: string; readonly role: Role } | null {
  const presented = createHash('sha256').update(token).digest();
  let found: { readonly name: string; readonly role: Role } | null = null;
  for (const [name, { role, sha256 }] of Object.entries(tokens)) {
    if (timingSafeEqual(presented, Buffer.from(sha256, 'hex'))) found = { name, role };
  }
  return found;
}

function bearer(header: string | undefined): string | null {
  const match = /^Bearer +(\S+)$/i.exec(header ?? '');
  return match?.[1] ?? null;
}
