-- The routes with the most flights.
SELECT
  origin,
  dest,
  count(*) AS flights,
  count(DISTINCT carrier) AS carriers,
  CAST(round(sum(air_time)::DECIMAL(18, 4) / nullif(count(air_time), 0), 1) AS DECIMAL(9, 1)) AS mean_air_time,
  any_value(distance ORDER BY distance) AS miles
FROM silver.flights
GROUP BY origin, dest
ORDER BY flights DESC, origin, dest
LIMIT 50
