import type { AsmVersion } from '../domain/gateway/asm-version.ts';
import { checkGateway } from '../domain/gateway/check-gateway.ts';
import { type Finding, fail, fieldsOf, listOf, type Place, shown, warn } from '../domain/gateway/finding.ts';
import { gatewayApiVersion, gatewayKind } from '../domain/gateway/shape.ts';
import { InvalidInputError } from '../ports/errors.ts';
import { readDocuments, type SourceDocument } from './document.ts';
import { formatPath } from './problems.ts';

/** A finding where a person looks for it. */
export interface PlacedFinding {
  readonly status: Finding['status'];
  readonly path: string;
  readonly line: number | null;
  readonly message: string;
}

export interface GatewayFile {
  /** The IstioGateways of the file, in its order, as they are written. */
  readonly gateways: readonly unknown[];
  /** In the file's order of lines. */
  readonly findings: readonly PlacedFinding[];
}

/**
 * Reads manifests, YAML (one document or several, lists of kubectl as well) or JSON, and checks every IstioGateway in
 * them. Never throws for what is in the text: a text that cannot be read is a finding.
 */
export function readGatewayFile(text: string, version: AsmVersion | null = null): GatewayFile {
  const documents = documentsOf(text);
  if (!isRead(documents)) return { gateways: [], findings: documents };
  const found = documents.flatMap((document) => inDocument(document, version));
  const gateways = found.flatMap(({ gateway }) => (gateway === null ? [] : [gateway]));
  const findings = found.flatMap((one) => one.findings);
  const empty = documents.length === 0 ? [placedFinding(null, fail([], 'holds nothing'))] : [];
  return { gateways, findings: [...findings, ...empty].sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
}

function isRead(
  documents: readonly SourceDocument[] | readonly PlacedFinding[],
): documents is readonly SourceDocument[] {
  return documents.every((one) => 'value' in one);
}

function documentsOf(text: string): readonly SourceDocument[] | readonly PlacedFinding[] {
  try {
    return readDocuments(text);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.problems.map(({ path, line, message }) => ({ status: 'fail', path, line: line ?? null, message }));
  }
}

interface Found {
  readonly gateway: unknown;
  readonly findings: readonly PlacedFinding[];
}

function inDocument(document: SourceDocument, version: AsmVersion | null): readonly Found[] {
  const { kind, items } = fieldsOf(document.value);
  const isList = (kind === 'List' || kind === `${gatewayKind}List`) && Array.isArray(items);
  if (!isList) return [inObject(document, document.value, [], version)];
  return listOf(items).map((item, index) => inObject(document, item, ['items', index], version));
}

function inObject(document: SourceDocument, object: unknown, at: Place, version: AsmVersion | null): Found {
  const { apiVersion, kind } = fieldsOf(object);
  const isOther = typeof kind === 'string' && typeof apiVersion === 'string' && !isMeant(kind, apiVersion);
  const found = isOther
    ? [warn(['kind'], `${shown(kind)} is no ${gatewayKind} and is not checked`)]
    : checkGateway(object, version);
  return {
    gateway: kind === gatewayKind ? object : null,
    findings: found.map((finding) => placedFinding(document, { ...finding, path: [...at, ...finding.path] })),
  };
}

/** A misspelt kind or a wrong version is told; what belongs to somebody else is passed over. */
function isMeant(kind: string, apiVersion: string): boolean {
  return kind === gatewayKind || apiVersion.split('/')[0] === gatewayApiVersion.split('/')[0];
}

function placedFinding(document: SourceDocument | null, { status, path, message, isAtKey }: Finding): PlacedFinding {
  return { status, path: formatPath(path), line: document?.lineOf(path, isAtKey) ?? null, message };
}
