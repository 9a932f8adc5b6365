import { createHash } from 'node:crypto';
import { backendKey, type ClbBackend, type Listener } from './load-balancer.ts';

/** The cookie that the load balancer inserts itself. */
const cookieName = 'SERVERID';
const cookieHeaderMax = 8192;

interface Session {
  readonly server: string;
  readonly lastS: number;
  readonly firstS: number;
}

/** Whether answers of this listener carry a cookie that binds the client to its backend. */
export function insertsCookie({ protocol, stickySession, stickySessionType }: Listener): boolean {
  const isHttp = protocol === 'http' || protocol === 'https';
  // `server` rewrites a cookie that the backend sets, and the gateways here set none.
  return isHttp && stickySession === 'on' && stickySessionType === 'insert';
}

/**
 * The backend that the request's cookie names, whatever its weight is now (reference E13): null where there is no such
 * cookie, its backend is not among these, or the client was away for longer than CookieTimeout.
 */
export function backendInCookie(
  listener: Listener,
  backends: readonly ClbBackend[],
  header: string,
  now: number,
): ClbBackend | null {
  const session = sessionIn(header);
  if (session === null || now >= 1000 * (session.lastS + listener.cookieTimeoutS)) return null;
  return backends.find((backend) => serverOf(backend) === session.server) ?? null;
}

/** The Set-Cookie of an answer: `SERVERID=<server>|<now>|<start of the session>`, times in seconds. */
export function cookieFor(backend: ClbBackend, header: string, now: number): string {
  const before = sessionIn(header);
  const server = serverOf(backend);
  const nowS = Math.floor(now / 1000);
  const firstS = before?.server === server ? before.firstS : nowS;
  return `${cookieName}=${server}|${nowS}|${firstS};Path=/`;
}

function sessionIn(header: string): Session | null {
  const found = /(?:^|;\s*)SERVERID=([0-9a-f]{32})\|(\d{1,12})\|(\d{1,12})(?:;|$)/.exec(
    header.slice(0, cookieHeaderMax),
  );
  if (found === null) return null;
  const [, server = '', lastS, firstS] = found;
  return { server, lastS: Number(lastS), firstS: Number(firstS) };
}

function serverOf(backend: ClbBackend): string {
  return createHash('md5').update(backendKey(backend)).digest('hex');
}
