import type { AsmVersion } from './asm-version.ts';
import { type Finding, fail, fieldsOf } from './finding.ts';
import { brokenRules } from './rules.ts';
import { gatewayShape, specOf } from './shape.ts';

const findingsMax = 100;

/**
 * Everything that is wrong or odd about an IstioGateway, what is wrong first. It is checked against the CRD reference
 * of the ASM documents; a null version is the newest.
 */
export function checkGateway(gateway: unknown, version: AsmVersion | null = null): readonly Finding[] {
  const found = [
    ...gatewayShape(gateway, []),
    ...brokenRules(fieldsOf(fieldsOf(gateway)['metadata']), specOf(gateway), version),
  ];
  const ordered = [
    ...found.filter(({ status }) => status === 'fail'),
    ...found.filter(({ status }) => status === 'warn'),
  ];
  if (ordered.length <= findingsMax) return ordered;
  return [...ordered.slice(0, findingsMax), fail([], `${ordered.length - findingsMax} more findings are not shown`)];
}
