import { LabelMap, unionOf } from '../../runtime/core/labels/label-map.ts'
import type { LabelPath } from '../../runtime/core/labels/label-path.ts'
import { labelsOfRows, type LabelFacts, type LabelRow } from '../../runtime/core/labels/labels.ts'

/** Where the same data stands a second time: a query is the payload of a GET, and part of the URL; cookies are a header. */
const query: LabelPath = ['req', 'query']

/** What is known of a request that came: its labels, at every place where the labelled data stands. */
export function labelsOfRequest({ labels, method, skipBodyParsing }: { readonly labels?: readonly LabelRow[]; readonly method: string; readonly skipBodyParsing: boolean }, facts: Pick<LabelFacts, 'node'>): LabelMap {
  const given = labelsOfRows(labels, facts)
  if (given.isEmpty) return given
  const mayBeQuery = ['GET', 'HEAD', 'ALL'].includes(method.toUpperCase())
  const payload = mayBeQuery ? given.at(['payload']).and(given.at(query)) : given.at(['payload'])
  const asked = mayBeQuery ? payload : given.at(query)
  const path = given.at(['req', 'params'])
  const inUrl = asked.and(path).anywhere
  const cookies = given.at(['req', 'cookies'])
  const cookieHeader = given.at(['req', 'headers', 'cookie'])
  return unionOf([
    given,
    (skipBodyParsing ? payload.anywhere : payload).under(['payload']),
    asked.under(query),
    ...['url', 'originalUrl'].map((name) => inUrl.under(['req', name])),
    path.anywhere.under(['req', 'path']),
    cookies.anywhere.under(['req', 'headers', 'cookie']),
    cookieHeader.under(['req', 'cookies']),
  ])
}
