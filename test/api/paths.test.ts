import { describe, expect, it } from 'vitest';
import { migrationJsonSchema, parseMigration } from '../../src/api/migration-file.ts';
import type { PathSpec } from '../../src/domain/parity.ts';
import { InvalidInputError } from '../../src/ports/errors.ts';

const pair = 'source: istio-system/istio-ingressgateway\n  target: istio-system/ingressgateway-asm';
const subsets = 'routes: [{ mesh: asm, virtualService: default/reviews, host: reviews, from: [v1], to: v3 }]';

const file = (paths: string, sides = pair) => `apiVersion: sluice/v1
kind: Migration
metadata: { name: shop }
spec:
  ${sides}
  steps: [10%, 100%]
  paths: ${paths}
`;

const read = (paths: string): readonly PathSpec[] => parseMigration(file(paths)).paths;

function problemOf(text: string): string {
  try {
    parseMigration(text);
  } catch (error) {
    if (error instanceof InvalidInputError)
      return error.problems.map(({ path, message }) => `${path}: ${message}`).join('\n');
    throw error;
  }
  return '';
}

describe('the paths of a migration file', () => {
  it('are URLs: the scheme says whether TLS is spoken, and the port which port of the Services', () => {
    const urls = '[http://shop.example.com, "https://shop.example.com/cart?id=1", "https://shop.example.com:8443/"]';
    expect(read(urls)?.map(({ isTls, host, port, path }) => ({ isTls, host, port, path }))).toEqual([
      { isTls: false, host: 'shop.example.com', port: 80, path: '/' },
      { isTls: true, host: 'shop.example.com', port: 443, path: '/cart?id=1' },
      { isTls: true, host: 'shop.example.com:8443', port: 8443, path: '/' },
    ]);
  });

  it('compare status, two headers and latency, unless they say otherwise', () => {
    const [short, long] = read(
      '[http://a.example.com, { url: "http://b.example.com", headers: [X-Id], body: true, slower: 50ms, differences: allow }]',
    );
    expect(short).toMatchObject({
      headers: ['content-type', 'location'],
      comparesBody: false,
      slowerMs: 1_000,
      isAllowed: false,
    });
    expect(long).toMatchObject({ headers: ['x-id'], comparesBody: true, slowerMs: 50, isAllowed: true });
  });

  it('may be absent', () => {
    expect(parseMigration(file('[]').replace(/ {2}paths.*\n/, '')).paths).toEqual([]);
  });

  it.each([
    ['a path without a host', '[/cart]', /spec\.paths\[0\]: must be a URL such as/],
    ['another scheme', '[file:///etc/passwd]', /must be a URL such as/],
    ['a user', '["http://me:secret@shop.example.com/"]', /must be a URL such as/],
    ['a line break', '["http://shop.example.com/\\nHost: x"]', /must not contain control characters/],
    ['a port beyond all', '["http://shop.example.com:65536/"]', /has no port from 1 to 65535/],
    ['the same twice', '[http://a.example.com/, http://a.example.com/]', /stands here twice/],
    ['cookies', '[{ url: "http://a.example.com", headers: [Set-Cookie] }]', /cookies are secrets/],
    ['a field nobody knows', '[{ url: "http://a.example.com", statuss: 200 }]', /statuss: is not a known field/],
    ['too many', `[${Array.from({ length: 21 }, (_, i) => `http://a.example.com/${i}`)}]`, /more than 20 entries/],
  ])('are refused with %s', (_, paths, message) => {
    expect(problemOf(file(paths))).toMatch(message);
  });

  it('are refused beside subsets, which have no two gateways', () => {
    expect(problemOf(file('[http://a.example.com]', subsets))).toMatch(/spec\.paths: cannot stand beside subsets/);
  });

  it('are in the schema for editors, in both forms', () => {
    const text = JSON.stringify(migrationJsonSchema());
    expect(text).toContain('URLs that source and target must answer alike');
    expect(text).toContain('So much longer than the source the target may take');
  });
});
