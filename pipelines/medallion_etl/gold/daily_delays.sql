-- How late flights left and arrived, day by day and airport by airport.
SELECT
  make_date(year, month, day) AS flight_date,
  origin,
  count(*) AS flights,
  count(*) FILTER (dep_time IS NULL) AS cancelled,
  count(*) FILTER (dep_delay > 15) AS departed_late,
  CAST(round(sum(dep_delay)::DECIMAL(18, 4) / nullif(count(dep_delay), 0), 2) AS DECIMAL(9, 2)) AS mean_dep_delay,
  CAST(round(sum(arr_delay)::DECIMAL(18, 4) / nullif(count(arr_delay), 0), 2) AS DECIMAL(9, 2)) AS mean_arr_delay,
  max(dep_delay) AS worst_dep_delay
FROM silver.flights
GROUP BY flight_date, origin
ORDER BY flight_date, origin
