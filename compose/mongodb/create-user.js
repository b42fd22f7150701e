// Run by the image when the data is new: the collector's user, who may use its database and nothing else.
db.getSiblingDB("sensor_db").createUser({
  user: process.env.MONGODB_USER,
  pwd: process.env.MONGODB_PASSWORD,
  roles: ["readWrite"],
});
