-- A database of schema version 1 with two instances and a finished delivery, as the program of that time wrote it.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE instance (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sop_class_uid VARCHAR(64) NOT NULL, 
	sop_instance_uid VARCHAR(64) NOT NULL, 
	transfer_syntax_uid VARCHAR(64) NOT NULL, 
	payload VARCHAR(64) NOT NULL, 
	payload_size BIGINT NOT NULL, 
	digest_in VARCHAR(64) NOT NULL, 
	digest_out VARCHAR(64) NOT NULL, 
	layout JSON NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	reasons JSON NOT NULL, 
	destinations JSON NOT NULL, 
	source VARCHAR NOT NULL, 
	calling_ae_title VARCHAR(16) NOT NULL, 
	called_ae_title VARCHAR(16) NOT NULL, 
	peer_address VARCHAR NOT NULL, 
	peer_certificate_sha256 VARCHAR(64), 
	received_at BIGINT NOT NULL, 
	stored_at BIGINT NOT NULL, 
	dropped_by VARCHAR, 
	drop_reason VARCHAR, 
	UNIQUE (sop_instance_uid, digest_in), 
	CONSTRAINT dropped_by_a_person CHECK (state <> 'dropped' OR (coalesce(dropped_by, '') <> '' AND coalesce(drop_reason, '') <> '')), 
	UNIQUE (payload)
);
INSERT INTO instance VALUES(1,'1.2.840.10008.5.1.4.1.1.2','1.2.3.1','1.2.840.10008.1.2.1','6b86b273ff34fce19d6b804eff5a3f57',1000,'6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b','6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b','[[132, 1000]]','queued','[]','{"pacs": 0}','ct','CT1','SEALGATE','192.0.2.7',NULL,1795248000000000,1795248000000000,NULL,NULL);
INSERT INTO instance VALUES(2,'1.2.840.10008.5.1.4.1.1.2','1.2.3.2','1.2.840.10008.1.2.1','d4735e3a265e16eee03f59718b9b5d03',1000,'d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35','d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35','[[132, 1000]]','held','[]','{"pacs": 0}','ct','CT1','SEALGATE','192.0.2.7',NULL,1795248000000000,1795248000000000,NULL,NULL);
CREATE TABLE job (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	instance_id INTEGER NOT NULL, 
	destination VARCHAR NOT NULL, 
	priority INTEGER NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	not_before BIGINT, 
	attempts INTEGER NOT NULL, 
	lease_owner VARCHAR, 
	lease_until BIGINT, 
	fence INTEGER NOT NULL, 
	last_status INTEGER, 
	last_error VARCHAR, 
	created_at BIGINT NOT NULL, 
	enqueued_at BIGINT NOT NULL, 
	dropped_by VARCHAR, 
	drop_reason VARCHAR, 
	CONSTRAINT dropped_by_a_person CHECK (state <> 'dropped' OR (coalesce(dropped_by, '') <> '' AND coalesce(drop_reason, '') <> '')), 
	CONSTRAINT lease_has_end CHECK (state <> 'leased' OR (lease_owner IS NOT NULL AND lease_until IS NOT NULL)), 
	FOREIGN KEY(instance_id) REFERENCES instance (id)
);
INSERT INTO job VALUES(1,1,'pacs',0,'done',NULL,1,NULL,NULL,1,NULL,NULL,1795248000000000,1795248000000000,NULL,NULL);
CREATE TABLE attempt (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	started_at BIGINT NOT NULL, 
	ended_at BIGINT NOT NULL, 
	status INTEGER, 
	error VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO attempt VALUES(1,1,1,1795248000000000,1795248000000000,NULL,NULL);
CREATE TABLE audit_instance (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at VARCHAR(27) NOT NULL, 
	instance_id INTEGER, 
	source VARCHAR NOT NULL, 
	calling_ae_title VARCHAR(16) NOT NULL, 
	called_ae_title VARCHAR(16) NOT NULL, 
	peer_address VARCHAR NOT NULL, 
	peer_certificate_sha256 VARCHAR(64), 
	sop_class_uid VARCHAR(64) NOT NULL, 
	sop_instance_uid VARCHAR(64) NOT NULL, 
	transfer_syntax_uid VARCHAR(64) NOT NULL, 
	digest_in VARCHAR(64), 
	digest_out VARCHAR(64), 
	spliced JSON NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	verdict VARCHAR(32) NOT NULL, 
	reasons JSON NOT NULL, 
	status INTEGER, 
	policy_digest VARCHAR(64)
);
CREATE TABLE audit_delivery (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at VARCHAR(27) NOT NULL, 
	instance_id INTEGER NOT NULL, 
	sop_instance_uid VARCHAR(64) NOT NULL, 
	destination VARCHAR NOT NULL, 
	outcome VARCHAR(32) NOT NULL, 
	status INTEGER, 
	digest VARCHAR(64), 
	error TEXT
);
CREATE TABLE audit_action (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at VARCHAR(27) NOT NULL, 
	operator VARCHAR NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	reason TEXT, 
	instance_id INTEGER, 
	job_id INTEGER, 
	sop_instance_uid VARCHAR(64), 
	destinations JSON NOT NULL
);
CREATE TABLE audit_signature (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	record_id INTEGER NOT NULL, 
	made_here BOOLEAN NOT NULL, 
	digital_signature_uid VARCHAR(64), 
	location TEXT NOT NULL, 
	mac_algorithm VARCHAR(16), 
	outcome VARCHAR(32) NOT NULL, 
	reasons JSON NOT NULL, 
	unsigned_elements JSON NOT NULL, 
	unsigned_element_count INTEGER NOT NULL, 
	signer TEXT, 
	signer_certificate_sha256 VARCHAR(64), 
	digital_signature_datetime VARCHAR(32), 
	FOREIGN KEY(record_id) REFERENCES audit_instance (id)
);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('instance',2);
INSERT INTO sqlite_sequence VALUES('job',1);
CREATE INDEX instance_held ON instance (stored_at) WHERE state = 'held';
CREATE INDEX job_due ON job (destination, priority DESC, id) WHERE state = 'ready' AND not_before IS NULL;
CREATE INDEX job_of_instance ON job (instance_id);
CREATE UNIQUE INDEX job_unfinished ON job (instance_id, destination) WHERE state = 'ready' OR state = 'leased' OR state = 'waiting_commitment' OR state = 'dead';
CREATE INDEX job_leased ON job (destination, lease_until) WHERE state = 'leased';
CREATE INDEX job_backlog ON job (destination, state, created_at, not_before) WHERE state = 'ready' OR state = 'leased' OR state = 'waiting_commitment' OR state = 'dead';
CREATE INDEX job_postponed ON job (destination, not_before) WHERE state = 'ready' AND not_before IS NOT NULL;
CREATE INDEX ix_attempt_job_id ON attempt (job_id);
CREATE TRIGGER attempt_append_only BEFORE UPDATE ON attempt BEGIN SELECT RAISE(ABORT, 'attempts are only ever added'); END;
CREATE INDEX ix_audit_instance_instance_id ON audit_instance (instance_id);
CREATE INDEX ix_audit_instance_at ON audit_instance (at);
CREATE INDEX ix_audit_instance_sop_instance_uid ON audit_instance (sop_instance_uid);
CREATE TRIGGER audit_instance_no_update BEFORE UPDATE ON audit_instance BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END;
CREATE TRIGGER audit_instance_no_delete BEFORE DELETE ON audit_instance BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END;
CREATE INDEX ix_audit_delivery_at ON audit_delivery (at);
CREATE INDEX ix_audit_delivery_instance_id ON audit_delivery (instance_id);
CREATE INDEX ix_audit_delivery_sop_instance_uid ON audit_delivery (sop_instance_uid);
CREATE TRIGGER audit_delivery_no_update BEFORE UPDATE ON audit_delivery BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END;
CREATE TRIGGER audit_delivery_no_delete BEFORE DELETE ON audit_delivery BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END;
CREATE INDEX ix_audit_action_at ON audit_action (at);
CREATE INDEX ix_audit_action_instance_id ON audit_action (instance_id);
CREATE TRIGGER audit_action_no_update BEFORE UPDATE ON audit_action BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END;
CREATE TRIGGER audit_action_no_delete BEFORE DELETE ON audit_action BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END;
CREATE INDEX ix_audit_signature_record_id ON audit_signature (record_id);
CREATE INDEX ix_audit_signature_digital_signature_uid ON audit_signature (digital_signature_uid);
CREATE TRIGGER audit_signature_no_update BEFORE UPDATE ON audit_signature BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END;
CREATE TRIGGER audit_signature_no_delete BEFORE DELETE ON audit_signature BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END;
COMMIT;
PRAGMA user_version = 1;
