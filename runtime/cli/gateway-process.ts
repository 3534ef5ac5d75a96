import { loadSettings } from '../settings.ts'
import { runGateway } from './run-gateway.ts'

// Started by the supervisor under Node's permission model; its environment holds the settings of a gateway and nothing else.
const words = process.argv.slice(2)
const number = Number(words.find((word) => word.startsWith('--number='))?.slice('--number='.length) ?? 1)
await runGateway(loadSettings(), { supervised: true, number, sharedPort: words.includes('--shared-port'), expectRelease: words.includes('--expect-release'), alone: words.includes('--alone') })
