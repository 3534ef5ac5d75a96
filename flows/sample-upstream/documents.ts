import { readFileSync } from 'node:fs'
import { forecast } from './forecast.ts'
import { observations } from './observations.ts'
import type { ServedDocument } from './service.ts'
import { stations } from './stations.ts'

/** Paths as the three services have them, and the name of their data in a folder of captured files. */
export const samplePaths = {
  forecast: { path: '/api/v1/rest/datastore/F-C0032-001', file: 'F-C0032-001.json' },
  observations: { path: '/api/v1/rest/datastore/O-A0003-001', file: 'O-A0003-001.json' },
  stations: { path: '/youbike/v2/youbike_immediate.json', file: 'youbike_immediate.json' },
} as const

/** The project's own documents; their times are reckoned from `now`, so that they look as fresh as live data. */
export function sampleDocuments(now: Date): ServedDocument[] {
  const document = (path: string, value: unknown) => ({ path, body: JSON.stringify(value), modifiedAt: now })
  return [
    document(samplePaths.forecast.path, forecast(now)),
    document(samplePaths.observations.path, observations(now)),
    document(samplePaths.stations.path, stations(now)),
  ]
}

/** The same services with captured answers in place of the project's own. */
export function capturedDocuments(folder: string, modifiedAt: Date): ServedDocument[] {
  return Object.values(samplePaths).map(({ path, file }) => ({ path, body: readFileSync(`${folder}/${file}`, 'utf8'), modifiedAt }))
}
