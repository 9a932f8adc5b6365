import { clbErrors } from './errors.ts';
import { type BackendType, backendTypes } from './load-balancer.ts';

/** One entry of the BackendServers parameter: what is absent stays as it is, or gets its default when added. */
export interface NamedServer {
  readonly serverId: string;
  readonly serverIp: string;
  readonly port: number;
  readonly type: BackendType;
  readonly weight: number | null;
  readonly description: string | null;
}

export interface ServerListRules {
  /** 40 as the cloud controller sends them; the public document says 20 (reference A9). */
  readonly perCallMax: number;
  /** What becomes of a description over 80 characters; the vendor does not say (reference E17). */
  readonly longDescription: 'keep' | 'truncate' | 'reject';
}

const bodyMax = 64 * 1024;
const descriptionMax = 80;

/**
 * The BackendServers parameter: JSON text, a list of servers. Port and Weight may be numbers or text.
 *
 * @throws ClbError BackendServersMalformed, TooManyBackendServers, InvalidWeight.Malformed, InvalidParameter
 */
export function parseServers(text: string, rules: ServerListRules): readonly NamedServer[] {
  const list = listIn(text);
  if (list.length > rules.perCallMax) throw clbErrors.tooManyServers(rules.perCallMax);
  return list.map((item) => serverOf(item, rules));
}

function listIn(text: string): readonly unknown[] {
  if (text.length > bodyMax) throw clbErrors.serversMalformed();
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch {
    throw clbErrors.serversMalformed();
  }
  throw clbErrors.serversMalformed();
}

function serverOf(item: unknown, rules: ServerListRules): NamedServer {
  if (typeof item !== 'object' || item === null) throw clbErrors.serversMalformed();
  const fields = item as Readonly<Record<string, unknown>>;
  const type = typeOf(fields['Type']);
  const serverIp = textOf(fields['ServerIp']);
  const serverId = textOf(fields['ServerId']);
  if (serverId === '') throw clbErrors.serversInvalid();
  // An interface has several addresses; without one the vendor takes the primary, which no one here has a list of.
  if (type !== 'ecs' && serverIp === '') throw clbErrors.serversInvalid();
  const port = wholeNumber(fields['Port']);
  if (port === null || port < 1 || port > 65_535) throw clbErrors.serverPortInvalid();
  return {
    serverId,
    serverIp: type === 'ecs' ? '' : serverIp,
    port,
    type,
    weight: fields['Weight'] === undefined ? null : weightOf(fields['Weight']),
    description: fields['Description'] === undefined ? null : descriptionOf(textOf(fields['Description']), rules),
  };
}

function typeOf(value: unknown): BackendType {
  if (value === undefined) return 'ecs';
  const found = backendTypes.find((type) => type === value);
  if (found === undefined) throw clbErrors.serversInvalid();
  return found;
}

function weightOf(value: unknown): number {
  const weight = wholeNumber(value);
  if (weight === null || weight < 0 || weight > 100) throw clbErrors.weightMalformed();
  return weight;
}

function descriptionOf(text: string, rules: ServerListRules): string {
  if (text.length <= descriptionMax) return text;
  if (rules.longDescription === 'reject') throw clbErrors.tooLong();
  // Even where long ones are kept there is an end to it.
  return text.slice(0, rules.longDescription === 'truncate' ? descriptionMax : 256);
}

function wholeNumber(value: unknown): number | null {
  if (typeof value === 'number') return Number.isInteger(value) ? value : null;
  return typeof value === 'string' && /^-?\d{1,9}$/.test(value) ? Number(value) : null;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string' || value.length > 1024) throw clbErrors.serversMalformed();
  return value;
}
