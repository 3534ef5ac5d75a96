/** Two documents shaped as weather services give them: a forecast by county (about 100 KB) and observations of stations (about 109 KB). */
export const counties = ['臺北市', '新北市', '桃園市', '臺中市', '臺南市', '高雄市', '基隆市', '新竹市', '新竹縣', '苗栗縣', '彰化縣', '南投縣', '雲林縣', '嘉義市', '嘉義縣', '屏東縣', '宜蘭縣', '花蓮縣', '臺東縣', '澎湖縣', '金門縣', '連江縣']
/** Stands in both documents, always as long. */
export const firstVersion = 'v000000000'

const elements = ['Wx', 'PoP', 'MinT', 'CI', 'MaxT']
const times = ['2026-07-05 12:00:00', '2026-07-05 18:00:00', '2026-07-06 06:00:00', '2026-07-06 18:00:00']

function forecast() {
  const location = counties.map((locationName, at) => ({
    locationName,
    weatherElement: elements.map((elementName) => ({
      elementName,
      time: [0, 1, 2].map((slot) => ({ startTime: times[slot], endTime: times[slot + 1], parameter: { parameterName: elementName === 'Wx' ? '晴時多雲午後短暫雷陣雨' : String(20 + ((at + slot) % 15)), parameterValue: String(1 + ((at * 7 + slot) % 40)), parameterUnit: '百分比' } })),
    })),
  }))
  return { success: 'true', result: { resource_id: 'F-C0032-001', fields: [] }, records: { datasetDescription: firstVersion, location } }
}

function observation() {
  const location = Array.from({ length: 137 }, (_, at) => ({
    lat: (22 + at / 50).toFixed(6), lon: (120 + at / 90).toFixed(6), locationName: `測站${at}`, stationId: `C0${1000 + at}`, time: { obsTime: '2026-07-05 12:00:00' },
    weatherElement: [{ elementName: 'TEMP', elementValue: (20 + (at % 150) / 10).toFixed(1) }],
    parameter: [['CITY', counties[at % counties.length]], ['CITY_SN', String(at % 22)], ['TOWN', `第${at % 40}區`], ['TOWN_SN', String(100 + at)]].map(([parameterName, parameterValue]) => ({ parameterName, parameterValue })),
  }))
  return { success: 'true', result: { resource_id: 'O-A0003-001', fields: [] }, records: { datasetDescription: firstVersion, location } }
}

/** As they are sent: pretty-printed, as the services do it. */
export const documents = () => [forecast(), observation()].map((one) => Buffer.from(JSON.stringify(one, null, 2)))

/** What the API answers: the forecast of a county and the temperatures of its stations. Every contestant makes the same. */
export function compose(county, forecastDocument, observationDocument) {
  const place = forecastDocument.records.location.find((one) => one.locationName === county)
  return {
    county,
    asOf: { forecast: forecastDocument.records.datasetDescription, observation: observationDocument.records.datasetDescription },
    forecast: place.weatherElement.map((one) => ({ name: one.elementName, value: one.time[0].parameter.parameterName })),
    stations: observationDocument.records.location.filter((one) => one.parameter[0].parameterValue === county).map((one) => ({ station: one.locationName, temp: one.weatherElement[0].elementValue })),
  }
}
