import { createHash } from 'node:crypto';
import type { V1Service } from '@kubernetes/client-node';
import { stringify } from 'yaml';

/**
 * The hash label: lower-hex SHA-224 of the YAML of what the controller watches for changes, empty values left out
 * (reference A10). The text is the vendor's recipe, not byte for byte its output: readers compare old with new only.
 */
export function serviceHash(service: V1Service): string {
  const deletion = service.metadata?.deletionTimestamp;
  const watched = [
    service.spec?.ports,
    service.spec?.type,
    service.spec?.externalTrafficPolicy,
    service.spec?.loadBalancerClass,
    service.metadata?.annotations,
    deletion === undefined ? undefined : new Date(deletion).toISOString(),
    service.spec?.loadBalancerSourceRanges,
  ];
  const kept = watched.map(withoutZeros).filter((value) => !isZero(value));
  return createHash('sha224')
    .update(stringify(kept, { sortMapEntries: true }))
    .digest('hex');
}

function withoutZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeros);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, child]) => [key, withoutZeros(child)] as const);
  return Object.fromEntries(entries.filter(([, child]) => !isZero(child)));
}

function isZero(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
