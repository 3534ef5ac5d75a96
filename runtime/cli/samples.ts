import { join } from 'node:path'
import type { EditorNode } from '../core/flow.ts'
import { readFlowFile } from './read-flows.ts'
import { projectDir } from './start/plan.ts'

/** Folders below flows/ whose flows a first start puts live. */
export const sampleFlows = ['hello', 'taipei-today', 'youbike-district', 'bikes-and-weather', 'taipei-board'] as const

/** What the start page offers to try. */
export const sampleApis = [
  { title: { en: 'Say hello', 'zh-TW': '打招呼' }, path: '/hello?name=Ada' },
  { title: { en: 'Taipei today: three sources in one answer', 'zh-TW': '今日臺北：三個資料來源合成一個回應' }, path: `/taipei/today?district=${encodeURIComponent('松山區')}` },
  { title: { en: 'YouBike stations of a district', 'zh-TW': '行政區的 YouBike 站點' }, path: `/youbike/${encodeURIComponent('大安區')}` },
  { title: { en: 'Bikes and weather, put together without code', 'zh-TW': '單車與天氣：不寫程式組成的 API' }, path: `/taipei/bikes?district=${encodeURIComponent('信義區')}` },
  { title: { en: 'Taipei board: three services at once, two of them optional', 'zh-TW': '臺北看板：同時呼叫三個服務，其中兩個可缺' }, path: `/taipei/board?district=${encodeURIComponent('松山區')}` },
] as const

/** The sample flows as one estate. */
export async function loadSamples(): Promise<EditorNode[]> {
  const flows = await Promise.all(sampleFlows.map((name) => readFlowFile(join(projectDir, 'flows', name, 'flow.json'))))
  return flows.flat()
}
