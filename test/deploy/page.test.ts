import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { configVariables } from '../../src/config.ts';
import { readTree } from '../tree.ts';
import { allowedActions } from './checks.ts';
import { readServerless, readTemplate } from './installation.ts';

const page = await readFile(new URL('../../docs/deploy.md', import.meta.url), 'utf8');

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
}

const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest),
);
const rules = blocks.flat().flatMap((manifest) => manifest.rules ?? []);

describe('docs/deploy.md', () => {
  it('names every parameter of the template and every variable that s.yaml asks the shell for', async () => {
    const asked = [...(await readServerless()).matchAll(/env\('+(\w+)'/g)].map(([, name = '']) => name);
    const names = [...Object.keys((await readTemplate()).Parameters), ...new Set(asked)];
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it('says of every action what it is for', () => {
    expect(allowedActions.filter((action) => !page.includes(`| \`${action}\` |`))).toEqual([]);
  });

  it('has the same table of variables as the code', () => {
    const rows = configVariables.map(
      ({ name, isRequired, meaning, example }) =>
        `| \`${name}\` | ${isRequired ? 'yes' : 'no'} | ${meaning.replaceAll('<', '\\<')} | \`${example}\` |`,
    );
    expect(rows.filter((row) => !page.includes(row))).toEqual([]);
  });

  it('gives RBAC that names every resource and verb, deletes nothing and replaces nothing', () => {
    expect(rules.length).toBeGreaterThan(5);
    const said = rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]);
    expect(said.filter((word) => ['*', 'delete', 'deletecollection', 'update'].includes(word))).toEqual([]);
  });

  it('lets the functions do in the clusters what the adapters do there, and no more', () => {
    const done = [...readTree('.ts')]
      .filter(([path]) => path.startsWith('src/adapters/kubernetes/'))
      .flatMap(([, source]) => [...source.matchAll(/verb: '(\w+)', resource: '(\w+)'/g)])
      .map(([, verb = '', resource = '']) => `${verb} ${resource}`);
    const allowed = rules.flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    );
    expect([...new Set(allowed)].sort()).toEqual([...new Set(done)].sort());
  });

  it('binds each role that it makes, and ClusterRoles only for what belongs to no namespace', () => {
    for (const manifests of blocks) {
      const made = manifests.filter(({ rules }) => rules).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      const bound = manifests.flatMap(({ roleRef }) => (roleRef ? [`${roleRef.kind} ${roleRef.name}`] : []));
      expect(bound).toEqual(made);
    }
    const wide = blocks.flat().filter(({ kind }) => kind === 'ClusterRole');
    expect(wide.flatMap(({ rules = [] }) => rules.flatMap(({ resources }) => resources))).toEqual([
      'nodes',
      'apiservices',
    ]);
  });

  it('lets the schedule change nothing in a cluster', () => {
    const schedule = blocks
      .flat()
      .filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'sluice-schedule');
    expect(schedule).toHaveLength(2);
    const verbs = schedule.flatMap(({ rules = [] }) => rules.flatMap((rule) => rule.verbs));
    expect([...new Set(verbs)].sort()).toEqual(['get', 'list']);
  });
});
