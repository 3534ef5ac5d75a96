import fc from 'fast-check'

/**
 * Properties take the same examples in every run: whether a change lands must not hang on luck. `SLUICE_SEED` is another seed,
 * `random` one of each run's own; `npm run search` goes through many.
 */
const { SLUICE_SEED: given } = process.env
if (given !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: given === undefined ? 20_260_101 : Number(given) })
