drop trigger note_finished_jobs on provisioner_jobs;
drop function note_finished_jobs();
alter table provisioner_jobs drop column trace_parent;
drop table job_histograms;
drop table finished_jobs;
drop table recent_requests;
drop table recent_passes;
drop table pool_levels;
drop table deployment_samples;
