import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubernetesObject } from '@kubernetes/client-node';
import { parse } from 'yaml';

/** A manifest with the parts that the seeding changes. */
export interface Manifest extends KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

const levelsMax = 5;

/** Reads one file of examples/manifests, from the sources or from the bundle. @throws Error where it is no manifest */
export async function readManifest(name: string): Promise<Manifest> {
  const path = join(folder(), name);
  const value: unknown = parse(await readFile(path, 'utf8'));
  if (!isManifest(value)) throw new Error(`${name} has no apiVersion, kind and metadata.name`);
  return value;
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const { apiVersion, kind, metadata } = value as Partial<Manifest>;
  return typeof apiVersion === 'string' && typeof kind === 'string' && typeof metadata?.name === 'string';
}

/** The bundle is one level below the package and this file two: the folder is found upwards. */
function folder(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level < levelsMax; level += 1) {
    const candidate = join(at, 'examples', 'manifests');
    if (existsSync(candidate)) return candidate;
    at = dirname(at);
  }
  throw new Error('examples/manifests is not beside the program');
}
