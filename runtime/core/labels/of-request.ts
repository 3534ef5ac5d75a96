import { type LabelMap, unionOf } from './label-map.ts'
import type { LabelPath } from './label-path.ts'

/** Where the same data stands a second time: a query is the payload of a GET, and part of the URL; cookies are a header. */
const query: LabelPath = ['req', 'query']

/** What is known of a request, at every place of a message where its labelled data stands. `method` as of an entry: `ALL` may be any. */
export function atAllPlaces(given: LabelMap, method = 'ALL'): LabelMap {
  if (given.isEmpty) return given
  const mayBeQuery = ['GET', 'HEAD', 'ALL'].includes(method.toUpperCase())
  const payload = mayBeQuery ? given.at(['payload']).and(given.at(query)) : given.at(['payload'])
  const asked = mayBeQuery ? payload : given.at(query)
  const path = given.at(['req', 'params'])
  const inUrl = asked.and(path).anywhere
  return unionOf([
    given,
    payload.under(['payload']),
    asked.under(query),
    ...['url', 'originalUrl'].map((name) => inUrl.under(['req', name])),
    path.anywhere.under(['req', 'path']),
    given.at(['req', 'cookies']).anywhere.under(['req', 'headers', 'cookie']),
    given.at(['req', 'headers', 'cookie']).under(['req', 'cookies']),
  ])
}
